"use strict";
// What is heard and seen of a clip: playing at any speed, loops, waveform and spectrogram.

const PICTURE_HZ = 16000;
const WINDOW = 512; // samples of one column of the spectrogram
const SPEEDS = [0.5, 0.6, 0.75, 0.9, 1, 1.25, 1.5, 2];
const LOUDEST_DECIBELS = 80; // below the loudest, nothing is drawn

/** Plays one clip; tells `onmove` where it is, and `onfail` that the browser cannot play it. */
class Player {
  constructor(onmove, onfail) {
    this.audio = new Audio();
    this.audio.preservesPitch = true;
    this.loop = null; // {start, end}, in seconds
    this.speed = 1;
    this.onmove = onmove;
    this.audio.addEventListener("error", () => { if (this.url) onfail(); });
    for (const event of ["play", "pause", "ended", "seeked"]) this.audio.addEventListener(event, () => this.move());
  }
  open(blob) {
    this.close();
    this.url = URL.createObjectURL(blob);
    this.audio.src = this.url;
    this.audio.playbackRate = this.speed;
  }
  close() {
    this.audio.pause();
    this.loop = null;
    if (this.url) { URL.revokeObjectURL(this.url); this.url = null; this.audio.removeAttribute("src"); }
  }
  get playing() { return !this.audio.paused && !this.audio.ended; }
  get time() { return this.audio.currentTime || 0; }
  play(from) {
    if (!this.url) return;
    if (from !== undefined) this.audio.currentTime = Math.max(0, from);
    else if (this.audio.ended) this.audio.currentTime = 0;
    this.audio.playbackRate = this.speed;
    this.audio.play().catch(() => {}); // a browser may wait for the first key or click
  }
  pause() { this.audio.pause(); }
  toggle() { if (this.playing) this.pause(); else this.play(this.loop && (this.time < this.loop.start || this.time >= this.loop.end) ? this.loop.start : undefined); }
  step(seconds) { this.audio.currentTime = Math.max(0, this.time + seconds); }
  change(by) {
    const at = SPEEDS.indexOf(this.speed) + by;
    this.speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at))];
    this.audio.playbackRate = this.speed;
  }
  move() {
    if (this.loop && this.playing && this.time >= this.loop.end) this.audio.currentTime = this.loop.start;
    this.onmove();
    if (this.playing && !this.frame) this.frame = requestAnimationFrame(() => { this.frame = null; this.move(); });
  }
}

/** Return a file's samples at the rate of pictures. */
async function decode(blob) {
  const context = new OfflineAudioContext(1, 1, PICTURE_HZ);
  return (await context.decodeAudioData(await blob.arrayBuffer())).getChannelData(0);
}

/** Fourier transform in place, of a power of 2 values. */
function transform(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) { [real[i], real[j]] = [real[j], real[i]]; [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]]; }
  }
  for (let size = 2; size <= n; size *= 2) {
    const angle = -2 * Math.PI / size;
    for (let k = 0; k < size / 2; k++) {
      const cos = Math.cos(angle * k), sin = Math.sin(angle * k);
      for (let i = k; i < n; i += size) {
        const other = i + size / 2;
        const x = real[other] * cos - imaginary[other] * sin, y = real[other] * sin + imaginary[other] * cos;
        real[other] = real[i] - x; imaginary[other] = imaginary[i] - y;
        real[i] += x; imaginary[i] += y;
      }
    }
  }
}

/** Return decibels below the loudest, a row of WINDOW / 2 bands for each column. */
function spectrogram(samples, columns) {
  const hann = Float64Array.from({length: WINDOW}, (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / WINDOW));
  const rows = [];
  let loudest = 1e-9;
  for (let column = 0; column < columns; column++) {
    const middle = Math.round((column + 0.5) * samples.length / columns) - WINDOW / 2;
    const real = new Float64Array(WINDOW), imaginary = new Float64Array(WINDOW);
    for (let i = 0; i < WINDOW; i++) real[i] = (samples[middle + i] || 0) * hann[i];
    transform(real, imaginary);
    const row = new Float32Array(WINDOW / 2);
    for (let i = 0; i < row.length; i++) {
      row[i] = real[i] * real[i] + imaginary[i] * imaginary[i];
      loudest = Math.max(loudest, row[i]);
    }
    rows.push(row);
  }
  for (const row of rows) for (let i = 0; i < row.length; i++) row[i] = 10 * Math.log10(row[i] / loudest + 1e-12);
  return rows;
}

function rgb(name) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map(i => parseInt(value.slice(i, i + 2), 16));
}

/** Draw the waveform above the spectrogram, in the colours of the page. */
function draw(canvas, samples) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
  const pen = canvas.getContext("2d"), width = canvas.width, waveHeight = Math.round(canvas.height / 3);
  const height = canvas.height - waveHeight, ground = rgb("--sheet"), ink = rgb("--accent");
  const image = pen.createImageData(width, height), columns = spectrogram(samples, width);
  for (let x = 0; x < width; x++) for (let y = 0; y < height; y++) {
    const band = Math.floor((1 - y / height) * (WINDOW / 2 - 1));
    const share = Math.max(0, 1 + columns[x][band] / LOUDEST_DECIBELS) ** 1.5;
    const at = 4 * (y * width + x);
    for (let i = 0; i < 3; i++) image.data[at + i] = ground[i] + (ink[i] - ground[i]) * share;
    image.data[at + 3] = 255;
  }
  pen.putImageData(image, 0, waveHeight);
  let peak = 0.02;
  for (const value of samples) peak = Math.max(peak, Math.abs(value));
  pen.fillStyle = `rgb(${rgb("--quiet")})`;
  for (let x = 0; x < width; x++) {
    let low = 0, high = 0;
    const to = Math.floor((x + 1) * samples.length / width);
    for (let i = Math.floor(x * samples.length / width); i < to; i++) { low = Math.min(low, samples[i]); high = Math.max(high, samples[i]); }
    const top = (1 - high / peak) * waveHeight / 2, bottom = (1 - low / peak) * waveHeight / 2;
    pen.fillRect(x, top, 1, Math.max(scale, bottom - top));
  }
}
