"use strict";
// The list of clips beside the desk: a page of it, going from one to the next, and all of it on paper.

const PAGE = 100; // clips in a page of the list
let listed = {offset: 0, total: 0, clips: []};

const listQuery = offset => "api/clips?" + new URLSearchParams({offset, count: PAGE, show: $("show").value, search: $("search").value});
async function loadList(offset) {
  const answer = await attempt(() => api(listQuery(Math.max(0, offset))));
  if (!answer) return;
  listed = {offset: Math.max(0, offset), ...answer};
  $("list").replaceChildren(...listed.clips.map(listRow));
  const last = listed.offset + listed.clips.length;
  $("list-count").textContent = listed.total > PAGE ? `${listed.offset + 1}–${last} of ${listed.total}` : `${listed.total}`;
  $("earlier").disabled = !listed.offset; $("later").disabled = last >= listed.total;
  $("earlier").parentElement.hidden = listed.total <= PAGE;
}
const MARKS = {open: "○", accepted: "✓", rejected: "✕"}, NAMES = {open: "to do", accepted: "accepted", rejected: "rejected"};
function listRow(one) {
  const item = document.createElement("li"), button = document.createElement("button");
  button.type = "button"; button.className = one.verdict; button.dataset.id = one.id;
  button.setAttribute("aria-current", clip && clip.id === one.id ? "true" : "false");
  const part = (name, text, other) => Object.assign(document.createElement("span"), {className: name, textContent: text, ...other});
  const mark = part("mark", MARKS[one.verdict]);
  mark.setAttribute("aria-label", NAMES[one.verdict]); mark.setAttribute("role", "img");
  button.append(mark, part("where", place(one)), part("said", one.text || (one.reason ? `(${one.reason})` : one.preview || "…"), {dir: "auto"}));
  item.append(button);
  return item;
}
function place(one) { return `${one.number}. ${one.name}${one.whole ? "" : ` ${clock(one.start)}–${clock(one.end)}`}`; }
function renewRow(one) {
  const at = listed.clips.findIndex(row => row.id === one.id);
  if (at < 0 || JSON.stringify(one) === JSON.stringify(listed.clips[at])) return;
  listed.clips[at] = one;
  $("list").children[at].replaceWith(listRow(one));
}
// Drafts that have come meanwhile, and what others have done.
async function renewList() {
  const answer = await api(listQuery(listed.offset)).catch(() => null);
  for (const one of answer?.clips ?? []) renewRow(one);
}
function markCurrent() {
  for (const button of $("list").querySelectorAll("button")) {
    const isCurrent = clip !== null && button.dataset.id === clip.id;
    button.setAttribute("aria-current", isCurrent);
    if (isCurrent) {
      const box = button.getBoundingClientRect(), frame = $("list").getBoundingClientRect();
      if (box.top < frame.top || box.bottom > frame.bottom) $("list").scrollTop += box.top - frame.top - frame.height / 3;
    }
  }
}

async function move(step, play = false) {
  if (!clip) return;
  const at = listed.clips.findIndex(row => row.id === clip.id);
  let next = at < 0 ? null : listed.clips[at + step];
  if (!next && at >= 0) {
    const offset = listed.offset + step * PAGE;
    if (offset < 0 || offset >= listed.total) { say(step < 0 ? "This is the first clip." : "This is the last clip."); return; }
    await loadList(offset);
    next = listed.clips[step < 0 ? listed.clips.length - 1 : 0];
  }
  if (next) await open(next.id, {play});
}

// ---------------------------------------------------------------- on paper
async function printAll() {
  const rows = [];
  for (let total = 1; rows.length < total;) {
    const query = new URLSearchParams({offset: rows.length, count: 500, show: $("show").value, search: $("search").value});
    const answer = await attempt(() => api(`api/clips?${query}`));
    if (!answer || !answer.clips.length) break;
    rows.push(...answer.clips); total = answer.total;
  }
  fillPaper(rows);
  print();
}
function fillPaper(rows) {
  $("paper").querySelector("h2").textContent = `${desk.name}: ${$("progress-text").textContent}`;
  $("paper").querySelector("tbody").replaceChildren(...rows.map(one => {
    const row = document.createElement("tr");
    for (const text of [place(one), one.text || one.preview, NAMES[one.verdict] + (one.reason ? `: ${one.reason}` : "") + (one.person ? `, ${one.person}` : "")]) row.append(Object.assign(document.createElement("td"), {textContent: text, dir: "auto"}));
    return row;
  }));
}
addEventListener("beforeprint", () => { if (!$("paper").querySelector("tbody tr")) fillPaper(listed.clips); });
addEventListener("afterprint", () => $("paper").querySelector("tbody").replaceChildren());
