/* The list of clips: search, filters, sorting, pages, and the details of a clip with its audio. */
"use strict";
const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
};
const percent = share => (100 * share).toFixed(1) + " %";
const many = list => list.length.toLocaleString("en");
const UNSURE = 50;

function showClips(data) {
  const models = data.models, several = models.length > 1, runs = data.runs;
  const rate = (run, i) => run.errors[i] / Math.max(1, data.words[i]);
  const characterRate = (run, i) => run.characters[i] / Math.max(1, data.characters[i]);
  const meanSure = (run, i) => run.sure[i].length ? run.sure[i].reduce((a, b) => a + b) / run.sure[i].length : -1;
  const total = (list, i) => list.reduce((sum, run) => sum + run.errors[i], 0);
  const leastOfOthers = i => Math.min(...runs.slice(1).map(run => run.errors[i]));
  const orders = {
    errors: ["most errors", i => -total(runs, i) - 1e-6 * runs[0].characters[i]],
    wer: ["highest WER", i => -Math.max(...runs.map(run => rate(run, i)))],
    cer: ["highest CER", i => -Math.max(...runs.map(run => characterRate(run, i)))],
    ...(runs.some(run => run.sure.some(one => one.length))
      ? { sure: ["least sure", i => Math.min(...runs.map(run => meanSure(run, i)))],
          oversure: ["surest mistakes", i => -Math.max(...runs.map(run => run.errors[i] ? meanSure(run, i) : -1))] } : {}),
    ...(runs.some(run => run.loss.some(one => one !== null)) ? { loss: ["highest loss", i => -(runs[0].loss[i] ?? -1)] } : {}),
    long: ["longest", i => -(data.seconds[i] ?? 0)],
    short: ["shortest", i => data.seconds[i] ?? 0],
    file: ["order of the file", i => data.number[i]],
    ...(several ? { better: ["where " + models[0] + " is better", i => runs[0].errors[i] - leastOfOthers(i)],
                    worse: ["where " + models[0] + " is worse", i => leastOfOthers(i) - runs[0].errors[i]] } : {}),
  };
  const groups = Object.entries({ ...(data.dataset.values.length > 1 ? { file: data.dataset } : {}), ...data.columns })
    .filter(([, column]) => column.values.length > 1);
  const texts = data.src.map((text, i) =>
    [text, data.file[i], ...runs.map(run => run.res[i]), ...groups.map(([name, column]) => name + ":" + column.values[column.codes[i]])]
      .join("\n").toLocaleLowerCase());

  // ---- controls
  const search = make("input", { type: "search", id: "search", placeholder: "words, file, column:value" });
  const select = options => make("select", {}, ...options.map(([value, text]) => make("option", { value }, text)));
  const order = select(Object.entries(orders).map(([value, [text]]) => [value, text]));
  order.id = "order";
  const which = select([["", "all"], ["wrong", "with errors"], ["right", "without errors"],
    ...(data.media.length ? [["media", "with sound in this page"]] : []),
    ...(several ? [["differ", "where models differ"]] : [])]);
  which.id = "which";
  const column = select([["", "any"], ...groups.map(([name], i) => [String(i), name])]);
  const value = select([["", "any"]]);
  column.id = "column"; value.id = "value"; value.disabled = true;
  const size = select([["25", "25"], ["50", "50"], ["100", "100"]]);
  const labelled = (text, element, cls = "") => make("label", { className: cls }, text, element);
  const bar = make("div", { className: "bar" }, labelled("Search ( / )", search, "grow"), labelled("Show", which),
    groups.length ? labelled("Column", column) : null, groups.length ? labelled("Value", value) : null,
    labelled("Sort by", order), labelled("A page", size));
  bar.setAttribute("role", "search");

  const status = make("p", { className: "quiet small", id: "status" });
  status.setAttribute("role", "status");
  const body = make("tbody");
  const names = ["Clip", "WER", "CER", "Length", "Reference and transcript"];
  const table = make("table", { id: "list" },
    make("caption", { className: "hidden" }, "Clips"),
    make("thead", {}, make("tr", {}, ...names.map((name, i) => make("th", { scope: "col", className: i > 0 && i < 4 ? "number" : "" }, name)))),
    body);
  const first = button("First", () => go(0)), previous = button("Previous", () => go(page - 1));
  const next = button("Next", () => go(page + 1)), last = button("Last", () => go(1e9));
  const where = make("span", { className: "quiet" });
  const pages = make("nav", { className: "pages no-print" }, first, previous, where, next, last);
  pages.setAttribute("aria-label", "Pages of clips");
  document.getElementById("browser").append(bar, status, make("div", { className: "scroll" }, table), pages);
  function button(text, act) {
    const element = make("button", { type: "button", className: "button", textContent: text });
    element.addEventListener("click", act);
    return element;
  }

  // ---- selection
  let found = [], page = 0;
  const media = new Set(data.media);
  const kinds = {
    wrong: i => total(runs, i) > 0,
    right: i => total(runs, i) === 0,
    media: i => media.has(data.number[i]),
    differ: i => runs.some(run => run.res[i] !== runs[0].res[i]),
  };
  function choose() {
    const words = search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const group = groups[column.value]?.[1], code = value.value === "" || !group ? -1 : Number(value.value);
    const kind = kinds[which.value] ?? (() => true);
    found = [];
    for (let i = 0; i < texts.length; i++)
      if (kind(i) && (code < 0 || group.codes[i] === code) && words.every(word => texts[i].includes(word))) found.push(i);
    const key = orders[order.value][1], keys = new Map(found.map(i => [i, key(i)]));
    found.sort((a, b) => keys.get(a) - keys.get(b) || a - b);
    go(0);
  }
  function go(to) {
    const count = Number(size.value), most = Math.max(0, Math.ceil(found.length / count) - 1);
    page = Math.min(Math.max(0, to), most);
    body.replaceChildren(...found.slice(page * count, (page + 1) * count).map(row));
    where.textContent = `Page ${(page + 1).toLocaleString("en")} of ${(most + 1).toLocaleString("en")}`;
    first.disabled = previous.disabled = page === 0;
    next.disabled = last.disabled = page === most;
    status.textContent = found.length === texts.length ? `${many(found)} clips` : `${many(found)} of ${many(texts)} clips`;
  }
  function row(i) {
    const cell = (className, name, ...children) => {
      const element = make("td", { className }, ...children);
      element.dataset.name = name;
      return element;
    };
    const open = make("button", { type: "button", className: "open" }, make("bdi", {}, data.file[i].split(/[\\/]/).pop()));
    open.setAttribute("aria-expanded", "false");
    const where = cell("where", "Clip", open);
    const element = make("tr", {}, where,
      cell("number", "WER", ...stacked(run => percent(rate(run, i)), i)),
      cell("number", "CER", ...stacked(run => percent(characterRate(run, i)), i)),
      cell("number", "Length", data.seconds[i] === null ? "" : data.seconds[i].toFixed(1) + " s"),
      cell("", "", ...runs.flatMap((run, number) =>
        [several ? make("span", { className: "model" }, models[number]) : null, aligned(run, i)])));
    open.addEventListener("click", () => {
      const shown = open.getAttribute("aria-expanded") === "true";
      open.setAttribute("aria-expanded", String(!shown));
      if (shown) element.nextSibling.remove();
      else element.after(detail(i));
    });
    return element;
  }
  function stacked(text, i) {
    const least = Math.min(...runs.map(run => run.errors[i])), all = runs.every(run => run.errors[i] === least);
    return runs.map(run => make("div", { className: several && !all && run.errors[i] === least ? "won" : "" }, text(run)));
  }
  function aligned(run, i) {
    const said = data.src[i].split(/\s+/).filter(Boolean), heard = run.res[i].split(/\s+/).filter(Boolean);
    const line = make("div", { className: "text", dir: "auto" });
    let a = 0, b = 0;
    const sure = (element, number) => {
      const value = run.sure[i][number];
      if (value === undefined) return element;
      element.title = `${value} % sure`;
      if (value < UNSURE) element.classList.add("unsure");
      return element;
    };
    for (const step of run.operations[i]) {
      if (line.childNodes.length) line.append(" ");
      const deleted = () => make("del", {}, said[a++] ?? "");
      const inserted = () => sure(make("ins", {}, heard[b] ?? ""), b++);
      if (step === "=") { line.append(sure(make("span", {}, heard[b] ?? ""), b++)); a++; }
      else if (step === "S") line.append(make("span", { className: "pair" }, deleted(), inserted()));
      else line.append(step === "D" ? deleted() : inserted());
    }
    if (!run.operations[i]) line.append(make("span", { className: "quiet" }, "(silence, as it should be)"));
    return line;
  }

  // ---- one clip
  function detail(i) {
    const facts = make("dl", { className: "facts" });
    const fact = (name, text) => facts.append(make("dt", {}, name), make("dd", { dir: "auto" }, text));
    const box = make("div");
    const sound = make("audio", { controls: true, preload: "none" });
    if (media.has(data.number[i])) unpack("media-" + data.number[i]).then(content => showSound(box, content, data.file[i]));
    else {
      sound.addEventListener("error", () => sound.replaceWith(remark("This recording cannot be played: its file is no longer there, or this browser does not play its kind.")));
      sound.src = encodeURI(/^([\\/]|[a-z]:)/i.test(data.file[i]) ? data.file[i] : data.folder + "/" + data.file[i]);
      sound.setAttribute("aria-label", "Clip");
      box.append(sound);
    }
    fact("File", data.file[i]);
    fact("Reference", data.src[i]);
    runs.forEach((run, number) => {
      fact(several ? models[number] : "Transcript", run.res[i]);
      if (run.loss[i] !== null) fact("Loss", String(run.loss[i]));
      if (run.sure[i].length) fact("Sure of words", run.sure[i].map(one => one + " %").join(" "));
    });
    for (const [name, column] of groups) fact(name, column.values[column.codes[i]]);
    const cell = make("td", { colSpan: names.length }, box, facts);
    return make("tr", { className: "detail" }, cell);
  }

  search.addEventListener("input", choose);
  for (const element of [which, order, value, size]) element.addEventListener("change", choose);
  column.addEventListener("change", () => {
    const values = groups[column.value]?.[1].values ?? [];
    value.replaceChildren(make("option", { value: "" }, "any"),
      ...values.map((text, code) => [text, code]).sort((a, b) => a[0].localeCompare(b[0], undefined, { numeric: true }))
        .map(([text, code]) => make("option", { value: String(code) }, text || "(empty)")));
    value.disabled = !values.length;
    choose();
  });
  document.addEventListener("keydown", event => {
    if (event.key === "/" && !/INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape" && event.target === search && search.value) { search.value = ""; choose(); }
  });
  choose();
}

// ---------------------------------------------------------------- sound, spectrogram, probabilities
const remark = text => make("p", { className: "quiet small" }, text);
const bytesOf = text => Uint8Array.from(atob(text), character => character.charCodeAt(0));

async function showSound(box, content, name) {
  const audio = bytesOf(content.audio);
  const player = make("audio", { controls: true, src: URL.createObjectURL(new Blob([audio], { type: "audio/flac" })) });
  player.setAttribute("aria-label", "Clip " + name);
  player.addEventListener("error", () => player.replaceWith(remark("This browser does not play FLAC.")));
  box.append(player);
  const samples = await decoded(audio, content.rate).catch(() => null); // without audio, the other details are still shown
  const strips = [
    samples && strip("Spectrogram, 0 to " + content.rate / 2000 + " kHz", spectrogram(samples), 130, [], player),
    strip("Probability of each character over time; ∅ is no character", probabilities(content),
      Math.min(420, Math.max(60, 15 * content.labels.length)), content.labels, player),
  ];
  box.append(...strips.filter(Boolean));
}

async function decoded(audio, rate) {
  return (await new OfflineAudioContext(1, 1, rate).decodeAudioData(audio.buffer.slice(0))).getChannelData(0);
}

function strip(title, picture, height, labels, player) {
  picture.style.height = height + "px";
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", title);
  const cursor = make("div", { className: "cursor" }), frame = make("div", { className: "strip" }, picture, cursor);
  if (labels.length) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    labels.forEach((label, i) => {
      const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      text.setAttribute("x", "4");
      text.setAttribute("y", ((i + .5) / labels.length) * height + 4);
      text.textContent = label;
      svg.append(text);
    });
    svg.setAttribute("aria-hidden", "true");
    frame.append(svg);
  }
  const move = () => { cursor.style.left = 100 * player.currentTime / (player.duration || 1) + "%"; if (!player.paused) requestAnimationFrame(move); };
  for (const event of ["play", "timeupdate", "seeked"]) player.addEventListener(event, move);
  picture.addEventListener("click", event => { if (!player.duration) return; player.currentTime = event.offsetX / picture.clientWidth * player.duration; player.play().catch(() => {}); });
  return make("figure", {}, make("figcaption", { className: "small" }, title), frame);
}

function paint(width, height, level) {
  const canvas = make("canvas", { width, height }), context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches;
  const [r, g, b] = dark ? [45, 212, 191] : [11, 84, 78];
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++)
    image.data.set([r, g, b, Math.round(255 * Math.min(1, Math.max(0, level(x, y))))], 4 * (y * width + x));
  context.putImageData(image, 0, 0);
  return canvas;
}

function probabilities(content) {
  const levels = bytesOf(content.levels), frames = Math.max(1, content.frames);
  return paint(frames, Math.max(1, content.labels.length), (x, y) => (levels[y * frames + x] ?? 0) / 255);
}

function spectrogram(samples) {
  const size = 512, half = size / 2, rows = 128, width = Math.min(900, Math.max(1, Math.ceil(samples.length / 160)));
  const hop = samples.length / width, real = new Float64Array(size), imaginary = new Float64Array(size);
  const columns = [];
  let most = -Infinity;
  for (let x = 0; x < width; x++) {
    const start = Math.round(x * hop - half);
    for (let i = 0; i < size; i++) {
      real[i] = (samples[start + i] ?? 0) * (.5 - .5 * Math.cos(2 * Math.PI * i / size));
      imaginary[i] = 0;
    }
    transform(real, imaginary);
    const column = new Float64Array(rows);
    for (let y = 0; y < rows; y++) {
      const bin = 2 * y;
      column[y] = 10 * Math.log10(real[bin] ** 2 + imaginary[bin] ** 2 + real[bin + 1] ** 2 + imaginary[bin + 1] ** 2 + 1e-12);
      most = Math.max(most, column[y]);
    }
    columns.push(column);
  }
  return paint(width, rows, (x, y) => (columns[x][rows - 1 - y] - most + 70) / 70);
}

function transform(real, imaginary) {
  const size = real.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) { [real[i], real[j]] = [real[j], real[i]]; [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]]; }
  }
  for (let length = 2; length <= size; length <<= 1) {
    const angle = -2 * Math.PI / length;
    for (let start = 0; start < size; start += length) for (let k = 0; k < length / 2; k++) {
      const a = start + k, b = a + length / 2, c = Math.cos(angle * k), s = Math.sin(angle * k);
      const x = real[b] * c - imaginary[b] * s, y = real[b] * s + imaginary[b] * c;
      real[b] = real[a] - x; imaginary[b] = imaginary[a] - y; real[a] += x; imaginary[a] += y;
    }
  }
}

unpack("clips-data").then(showClips).catch(error => {
  const old = typeof DecompressionStream === "undefined";
  document.getElementById("browser").append(remark(old
    ? "This browser is too old to list the clips: they need Chrome or Edge 80, Firefox 113, Safari 16.4, or newer."
    : "The clips cannot be listed: " + error.message));
  if (!old) throw error;
});
