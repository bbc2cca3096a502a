"use strict";
// Words of a text, beside those that the model heard, and characters that it cannot write.

const SURE = 0.9; // confidence from which a word is not marked
// Scripts without spaces: their characters are words of their own, as in the drafts.
const ALONE = "\\u0e00-\\u0eff\\u0f00-\\u0fff\\u1000-\\u109f\\u1780-\\u17ff\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff";
const WORD = new RegExp(`[${ALONE}]|[^\\s${ALONE}]+`, "gu");

/** Return the words of a text, with where they stand in it. */
function wordsOf(text) {
  return [...text.matchAll(WORD)].map(found => ({text: found[0], at: found.index, to: found.index + found[0].length}));
}

function plain(word) {
  return word.normalize("NFKC").toLowerCase().replace(/[\p{P}\p{S}]/gu, "") || word;
}

/** Return, for each word of a text, the heard one that it is; null where there is none. */
function matchWords(words, heard) {
  const rows = words.length, columns = heard.length;
  const a = words.map(word => plain(word.text)), b = heard.map(word => plain(word.word));
  const best = Array.from({length: rows + 1}, () => new Uint16Array(columns + 1));
  for (let i = rows - 1; i >= 0; i--)
    for (let j = columns - 1; j >= 0; j--)
      best[i][j] = a[i] === b[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
  const matched = new Array(rows).fill(null);
  for (let i = 0, j = 0; i < rows && j < columns;) {
    if (a[i] === b[j]) matched[i++] = heard[j++];
    else if (best[i + 1][j] >= best[i][j + 1]) i++; else j++;
  }
  return matched;
}

/** Return when each word is said: heard ones as they were, others spread over the gaps between. */
function timesOf(words, matched, seconds) {
  const times = matched.map(word => word && {start: word.start, end: word.end});
  for (let i = 0; i < times.length; i++) {
    if (times[i]) continue;
    let last = i;
    while (last < times.length && !times[last]) last++;
    const begin = i ? times[i - 1].end : 0, end = last < times.length ? times[last].start : seconds;
    const step = Math.max(0, end - begin) / (last - i);
    for (let k = i; k < last; k++) times[k] = {start: begin + (k - i) * step, end: begin + (k - i + 1) * step};
  }
  return times;
}

/** Return which words to look at twice: heard without certainty, or written where nothing like it was heard. */
function doubtful(words, matched, given) {
  const before = new Set(wordsOf(given).map(word => word.text));
  return words.map((word, i) => matched[i] ? matched[i].confidence < SURE : before.has(word.text));
}

/** Return where characters stand that no label of the model covers. */
function unwritable(text, labels) {
  if (!labels) return [];
  const known = new Set(labels.map(label => label.normalize("NFC")));
  const isWritten = text => known.has(text) || isInParts([...text.normalize("NFD")]);
  const isInParts = parts => parts.some((part, i) =>
    i && known.has(part) && isWritten([...parts.slice(0, i), ...parts.slice(i + 1)].join("").normalize("NFC")));
  const longest = Math.max(1, ...[...known].map(label => label.length));
  const found = [];
  for (let at = 0; at < text.length;) {
    let size = Math.min(longest, text.length - at);
    while (size > 1 && !known.has(text.slice(at, at + size))) size--;
    const one = String.fromCodePoint(text.codePointAt(at));
    const isLabel = known.has(text.slice(at, at + size));
    if (!isLabel) size = one.length;
    if (!isLabel && !isWritten(one) && !/\s/.test(one)) found.push({at, to: at + size, text: one});
    at += size;
  }
  return found;
}

/** Put a text into an element, with spans of classes: each {at, to, kind}; later ones win. */
function paint(element, text, spans) {
  const kinds = new Array(text.length).fill("");
  for (const {at, to, kind} of spans) for (let i = at; i < to; i++) kinds[i] = kind;
  element.replaceChildren();
  for (let at = 0; at < text.length;) {
    let to = at;
    while (to < text.length && kinds[to] === kinds[at]) to++;
    if (kinds[at]) {
      const span = document.createElement("span");
      span.className = kinds[at];
      span.textContent = text.slice(at, to);
      element.append(span);
    } else element.append(text.slice(at, to));
    at = to;
  }
}
