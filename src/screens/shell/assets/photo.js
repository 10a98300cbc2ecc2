// A photo as it is kept and sent: small enough for one bar of signal, large enough to read a house number.
import { blake3 } from "./blake3.js";

const LONGEST = 1600;
const QUALITY = 0.8;

async function shrink(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  return { canvas, blob };
}

// The content with its hash, and a canvas that shows it.
export async function take(file) {
  const { canvas, blob } = await shrink(file);
  const content = new Uint8Array(await blob.arrayBuffer());
  return { canvas, content, hash: blake3(content) };
}
