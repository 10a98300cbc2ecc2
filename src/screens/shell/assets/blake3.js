// BLAKE3 of a photo, so that a proof can name it before it is sent.
const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const CHUNK = 1024;
const BLOCK = 64;
const START = 1;
const END = 2;
const PARENT = 4;
const ROOT = 8;

function compress(chain, block, counter, length, flags) {
  const s = new Uint32Array(16);
  s.set(chain);
  s.set(IV.slice(0, 4), 8);
  s[12] = counter;
  s[14] = length;
  s[15] = flags;
  const turn = (x, n) => (x >>> n) | (x << (32 - n));
  const mix = (a, b, c, d, x, y) => {
    s[a] += s[b] + x;
    s[d] = turn(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = turn(s[b] ^ s[c], 12);
    s[a] += s[b] + y;
    s[d] = turn(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = turn(s[b] ^ s[c], 7);
  };
  let m = block;
  for (let round = 0; round < 7; round++) {
    mix(0, 4, 8, 12, m[0], m[1]);
    mix(1, 5, 9, 13, m[2], m[3]);
    mix(2, 6, 10, 14, m[4], m[5]);
    mix(3, 7, 11, 15, m[6], m[7]);
    mix(0, 5, 10, 15, m[8], m[9]);
    mix(1, 6, 11, 12, m[10], m[11]);
    mix(2, 7, 8, 13, m[12], m[13]);
    mix(3, 4, 9, 14, m[14], m[15]);
    m = Uint32Array.from(ORDER, (at) => m[at]);
  }
  return Uint32Array.from({ length: 8 }, (_, n) => s[n] ^ s[n + 8]);
}

function words(bytes, from, to) {
  const block = new Uint8Array(BLOCK);
  block.set(bytes.subarray(from, to));
  const view = new DataView(block.buffer);
  return Uint32Array.from({ length: 16 }, (_, n) => view.getUint32(n * 4, true));
}

function leaf(bytes, from, to, counter, root) {
  let chain = Uint32Array.from(IV);
  let at = from;
  do {
    const end = Math.min(at + BLOCK, to);
    const flags = (at === from ? START : 0) | (end === to ? END | root : 0);
    chain = compress(chain, words(bytes, at, end), counter, end - at, flags);
    at = end;
  } while (at < to);
  return chain;
}

function tree(bytes, from, to, counter, root) {
  const chunks = Math.max(1, Math.ceil((to - from) / CHUNK));
  if (chunks === 1) return leaf(bytes, from, to, counter, root);
  const left = 2 ** Math.floor(Math.log2(chunks - 1));
  const middle = from + left * CHUNK;
  const block = new Uint32Array(16);
  block.set(tree(bytes, from, middle, counter, 0));
  block.set(tree(bytes, middle, to, counter + left, 0), 8);
  return compress(Uint32Array.from(IV), block, 0, BLOCK, PARENT | root);
}

// The hash of a Uint8Array as 64 hexadecimal digits.
export function blake3(bytes) {
  const out = tree(bytes, 0, bytes.length, 0, ROOT);
  const digits = (word) => [0, 8, 16, 24].map((n) => ((word >>> n) & 255).toString(16).padStart(2, "0")).join("");
  return Array.from(out, digits).join("");
}
