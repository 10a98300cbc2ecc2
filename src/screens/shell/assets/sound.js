// What a scan came to, as sound: told apart by pitch and rhythm, made here and not fetched.
let context;

const TUNES = {
  ok: [[880, 0, 0.09], [1320, 0.09, 0.12]],
  exception: [[220, 0, 0.22], [180, 0.26, 0.34]],
  unknown: [[420, 0, 0.12], [420, 0.18, 0.12], [420, 0.36, 0.12]],
  duplicate: [[600, 0, 0.05]],
  person: [[660, 0, 0.08], [880, 0.08, 0.08], [1100, 0.16, 0.14]],
  kept: [[520, 0, 0.1], [390, 0.12, 0.16]],
};

export function play(outcome) {
  const tune = TUNES[outcome];
  const Context = window.AudioContext || window.webkitAudioContext;
  if (!tune || !Context) return;
  try {
    context ??= new Context();
    if (context.state === "suspended") context.resume();
    for (const [pitch, from, length] of tune) {
      const tone = context.createOscillator();
      const gain = context.createGain();
      tone.type = outcome === "exception" ? "sawtooth" : "triangle";
      tone.frequency.value = pitch;
      const begin = context.currentTime + from;
      gain.gain.setValueAtTime(0, begin);
      gain.gain.linearRampToValueAtTime(0.35, begin + 0.01);
      gain.gain.setValueAtTime(0.35, begin + length - 0.02);
      gain.gain.linearRampToValueAtTime(0, begin + length);
      tone.connect(gain).connect(context.destination);
      tone.start(begin);
      tone.stop(begin + length);
    }
  } catch {
    // A device without sound still shows colour, word and shape.
  }
}
