// A field to sign in with a finger. What is drawn is kept as the strokes of an SVG path, 600 wide and 240 high.
const WIDE = 600;
const HIGH = 240;
const NEAR = 4;
const MOST = 15000;

export function pad(box) {
  const canvas = box.querySelector("canvas");
  const field = box.querySelector("input[type=hidden]");
  let strokes = [];

  function draw() {
    canvas.width = WIDE;
    canvas.height = HIGH;
    const pen = canvas.getContext("2d");
    pen.strokeStyle = getComputedStyle(canvas).color;
    pen.lineWidth = 4;
    pen.lineCap = pen.lineJoin = "round";
    for (const stroke of strokes) {
      pen.beginPath();
      pen.moveTo(...stroke[0]);
      for (const point of stroke.slice(1)) pen.lineTo(...point);
      pen.stroke();
    }
  }

  function written() {
    const path = () => strokes.map((s) => s.map(([x, y], n) => `${n ? "L" : "M"}${x} ${y}`).join("")).join("");
    // Somebody who scribbles for long loses every second point of it, not the signature.
    while (path().length > MOST) strokes = strokes.map((s) => s.filter((_, n) => n % 2 === 0 || n === s.length - 1));
    field.value = path();
  }

  function point(e) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const within = (n, most) => Math.max(0, Math.min(most, Math.round(n)));
    return [within(((e.clientX - left) * WIDE) / width, WIDE), within(((e.clientY - top) * HIGH) / height, HIGH)];
  }

  let drawing = false;
  canvas.addEventListener("pointerdown", (e) => {
    e.preventDefault();
    canvas.setPointerCapture(e.pointerId);
    const [x, y] = point(e);
    // A dot is a stroke too.
    strokes.push([[x, y], [Math.min(WIDE, x + 1), y]]);
    drawing = true;
    draw();
  });
  canvas.addEventListener("pointermove", (e) => {
    if (!drawing) return;
    for (const step of e.getCoalescedEvents?.() || [e]) {
      const at = point(step);
      const last = strokes.at(-1).at(-1);
      if (Math.hypot(at[0] - last[0], at[1] - last[1]) >= NEAR) strokes.at(-1).push(at);
    }
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      if (drawing) written();
      drawing = false;
    });
  }
  box.querySelector("[data-clear]").addEventListener("click", () => {
    strokes = [];
    field.value = "";
    draw();
  });
  draw();
}
