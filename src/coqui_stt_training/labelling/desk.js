"use strict";
const $ = id => document.getElementById(id);
const RENEW_SECONDS = 40;       // a third of how long a clip is held
const KEPT = "desk-text:";      // texts that are not saved yet, in the browser
const REASONS = ["nobody speaks", "not to be understood", "several speak at once", "cut off in a word", "another language", "private", "noise or music"];
const key = crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint8Array(16))].map(b => b.toString(16).padStart(2, "0")).join("");
let desk = {labels: null, progress: {}};
let clip = null;                // what is open: as the server describes it
let opening = 0;                // clips that were asked for and are not there yet
let renewal = null;             // of the hold on a clip: it must not come after what is opened next
let heard = [];                 // words of its draft
let given = "";                 // its text, as it was opened
let painted = {words: [], times: [], now: -1};
let fetched = new Map();        // sound that was fetched ahead
let samples = null;
const player = new Player(showTime, () => complain("The clip cannot be played. Does this machine have an audio device?"));

// ---------------------------------------------------------------- the server
async function api(path, body, method) {
  const options = body ? {method: method || "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({page: key, name: $("person").value, ...body})} : {};
  const response = await fetch(path, options).catch(() => { throw new Error("Cannot connect to the server. Is stt label still running? Your text stays in this browser."); });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw Object.assign(new Error(sentence(answer.error ? answer.error.message : `The server answered with status ${response.status}.`)), {status: response.status, answer});
}
function sentence(text) { return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : "."); }
function say(text) { $("status").textContent = text; }
function complain(text) { $("notice").textContent = text; $("notice").hidden = !text; }
async function attempt(work) { try { return await work(); } catch (error) { complain(error.message); if (!error.status) console.error(error); } }
async function sound(id) {
  if (!fetched.has(id)) {
    fetched.set(id, fetch(`api/clips/${id}/audio`).then(async response => {
      if (response.ok) return response.blob();
      const answer = await response.json().catch(() => ({}));
      throw new Error(sentence(answer.error ? answer.error.message : "The audio cannot be loaded."));
    }));
    fetched.get(id).catch(() => fetched.delete(id));
    while (fetched.size > 4) fetched.delete(fetched.keys().next().value);
  }
  return fetched.get(id);
}

// ---------------------------------------------------------------- how far it is
function clock(seconds) {
  const pad = n => String(n).padStart(2, "0"), whole = Math.floor(seconds);
  const tenths = seconds < 3600 ? `.${Math.floor(10 * seconds) % 10}` : "";
  const rest = `${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}${tenths}`;
  return whole < 3600 ? rest : `${Math.floor(whole / 3600)}:${rest}`;
}
function amount(seconds) {
  return seconds < 60 ? `${Math.round(seconds)} s` : seconds < 3600 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
function showProgress(progress) {
  desk.progress = progress;
  const {clips, accepted, rejected} = progress;
  $("bar-accepted").style.width = clips ? `${100 * accepted / clips}%` : "0";
  $("bar-rejected").style.width = clips ? `${100 * rejected / clips}%` : "0";
  const cutting = progress.cut < progress.recordings ? ` · ${progress.cut} of ${progress.recordings} recordings cut` : "";
  $("progress-text").textContent = `${accepted} accepted (${amount(progress.accepted_seconds)})${rejected ? `, ${rejected} rejected` : ""}, ${clips - accepted - rejected} to do${cutting}`;
  $("problems").hidden = !progress.problems.length;
  $("problems").querySelector("summary").textContent = progress.problems.length === 1 ? "1 recording cannot be used" : `${progress.problems.length} recordings cannot be used`;
  $("problems").querySelector("ul").replaceChildren(...progress.problems.map(text => Object.assign(document.createElement("li"), {textContent: text})));
}
async function watch() {
  const before = desk.progress.clips || 0;
  await attempt(async () => { desk = await api("api/desk"); showProgress(desk.progress); });
  if (desk.progress.clips !== before) await loadList(listed.offset);
  if (!clip && desk.progress.clips) await goOn("");
  if (!clip) showEmpty();
  if (desk.progress.cut < desk.progress.recordings) setTimeout(watch, clip ? 4000 : 700);
}
function showEmpty() {
  const {clips, cut, recordings, accepted, rejected} = desk.progress, left = clips - accepted - rejected;
  const [title, bold, rest] = left ? ["Others are working on the remaining clips", `${left} clips are open on other people's pages.`, "They become free after two minutes without activity: reload the page then."]
    : clips ? ["All done", `${accepted} clips are in ${desk.name}.`, "“Train on it…” shows the command. Any clip can still be opened from the list."]
      : cut < recordings ? ["Cutting recordings", "The first clips will appear in a moment.", ""] : ["Nothing to transcribe", "No speech was found in the recordings.", ""];
  $("desk-area").hidden = true; $("empty").hidden = false; $("clip-state").hidden = true;
  $("clip-time").textContent = "";
  $("clip-name").textContent = title;
  $("empty").replaceChildren(Object.assign(document.createElement("b"), {textContent: bold}), rest);
  say(`${title}. ${bold} ${rest}`);
}

// ---------------------------------------------------------------- a clip
async function open(id, {play = false, focus = true} = {}) {
  keepText();
  opening += 1;
  await renewal;
  const answer = await attempt(() => api(`api/clips/${id}/open`, {}));
  opening -= 1;
  if (!answer) return;
  clip = answer; heard = []; samples = null; painted = {words: [], times: [], now: -1};
  history.replaceState(null, "", `#${id}`);
  player.close();
  $("picture").getContext("2d").clearRect(0, 0, $("picture").width, $("picture").height);
  complain(""); $("conflict").hidden = true; $("desk-area").hidden = false; $("empty").hidden = true;
  $("clip-name").textContent = clip.name;
  $("clip-time").textContent = `${clip.number} of ${desk.progress.clips} · ${clip.whole ? clock(clip.end) : `${clock(clip.start)}–${clock(clip.end)}`}`;
  showState();
  if (clip.holder) complain(`${sentence(clip.holder)} Works on this clip now. What you save may be refused, if they are faster.`.replace(". Works", " works"));
  given = clip.text;
  const kept = localStorage.getItem(KEPT + id);
  setText(kept === null ? given : kept);
  takeDraft(clip.draft);
  if (!listed.clips.some(row => row.id === id)) await loadList(PAGE * Math.floor((clip.number - 1) / PAGE));
  markCurrent();
  if (focus) $("text").focus({preventScroll: true});
  await attempt(async () => {
    const blob = await sound(id);
    if (clip?.id !== id) return;
    player.open(blob);
    if (play) player.play(0);
    const decoded = await decode(blob).catch(() => null); // it can be heard without a picture
    if (clip?.id !== id) return;
    samples = decoded;
    if (samples) draw($("picture"), samples);
    showWords(); showTime();
  });
  if (clip?.id !== id) return;
  say(`Clip ${clip.number} of ${desk.progress.clips}, ${clip.name}, ${Math.round(clip.end - clip.start)} seconds, ${NAMES[clip.verdict]}.`);
  while (clip?.id === id && clip.draft.state === "waiting") {
    const draft = await attempt(() => api(`api/clips/${id}/draft`));
    if (!draft) break;
    if (clip?.id === id) takeDraft(draft);
  }
  if (clip?.id === id && clip.upcoming) sound(clip.upcoming).catch(() => {});
}
function showState() {
  $("clip-state").hidden = clip.verdict === "open";
  $("clip-state").className = `badge ${clip.verdict}`;
  $("clip-state").textContent = NAMES[clip.verdict] + (clip.reason ? `: ${clip.reason}` : "") + (clip.person ? ` by ${clip.person}` : "");
}
function takeDraft(draft) {
  clip.draft = draft;
  heard = draft.words || [];
  $("draft-state").textContent = {waiting: "· the model listens…", failed: `· no draft: ${draft.problem}`, ready: "", none: ""}[draft.state];
  if (draft.state === "ready" && !clip.version && !given && !$("text").value) { given = draft.text; setText(draft.text); }
  mark(); showWords();
}
function setText(text) { $("text").value = text; $("text").setSelectionRange(0, 0); mark(); }
function keepText() {
  if (!clip) return;
  const text = $("text").value, place = KEPT + clip.id;
  if (text !== given) localStorage.setItem(place, text); else localStorage.removeItem(place);
}
function mark() {
  const text = $("text").value.normalize("NFC");
  const words = wordsOf(text), matched = matchWords(words, heard);
  const doubts = doubtful(words, matched, given).map((is, i) => is && heard.length ? {...words[i], kind: "doubt"} : null).filter(Boolean);
  const strange = unwritable(text, desk.labels);
  painted = {...painted, words, matched, doubts, strange, times: heard.length ? timesOf(words, matched, length()) : []};
  paintMirror();
  const parts = [];
  if (doubts.length) parts.push(tagged("doubt", "marked"), doubts.length === 1 ? " word is uncertain" : ` words are uncertain (${doubts.length})`);
  const characters = [...new Set(strange.map(one => one.text))];
  if (characters.length) {
    if (parts.length) parts.push(" · ");
    parts.push(desk.model ? "the model has no letter for " : "not in the alphabet: ");
    characters.slice(0, 12).forEach(one => parts.push(tagged("unwritable", one), " "));
  }
  $("marks").replaceChildren(...parts);
}
function tagged(kind, text) { return Object.assign(document.createElement("span"), {className: kind, textContent: text, dir: "auto"}); }
function paintMirror() {
  const now = painted.words[painted.now];
  paint($("mirror"), $("text").value.normalize("NFC"), [...(now ? [{...now, kind: "now"}] : []), ...(painted.doubts || []), ...(painted.strange || []).map(one => ({...one, kind: "unwritable"}))]);
}
function length() { return clip ? clip.end - clip.start : 0; }
function showWords() {
  const whole = length() || 1;
  $("words").replaceChildren(...painted.times.map((time, i) => {
    const span = document.createElement("span");
    span.textContent = painted.words[i].text; span.dir = "auto"; span.dataset.at = i;
    span.style.left = `${100 * time.start / whole}%`; span.style.width = `${100 * Math.max(0.01, time.end - time.start) / whole}%`;
    span.title = painted.matched[i] ? `${time.start.toFixed(2)} s, confidence ${Math.round(100 * painted.matched[i].confidence)} %` : `about ${time.start.toFixed(2)} s`;
    if ((painted.doubts || []).some(one => one.at === painted.words[i].at)) span.className = "doubt";
    return span;
  }));
  $("words").hidden = !painted.times.length;
}
function showTime() {
  const whole = length() || 1;
  $("head").style.left = `${Math.min(100, 100 * player.time / whole)}%`;
  $("clock").textContent = `${player.time.toFixed(1)} / ${length().toFixed(1)} s`;
  $("play").textContent = player.playing ? "Pause" : "Play";
  $("loop").setAttribute("aria-pressed", player.loop !== null);
  $("region").hidden = !player.loop;
  if (player.loop) { $("region").style.left = `${100 * player.loop.start / whole}%`; $("region").style.width = `${100 * (player.loop.end - player.loop.start) / whole}%`; }
  $("speed").textContent = `${player.speed}×`;
  const now = player.playing ? painted.times.findIndex(time => player.time >= time.start && player.time < Math.max(time.end, time.start + 0.08)) : -1;
  if (now !== painted.now) {
    painted.now = now;
    paintMirror();
    for (const span of $("words").children) span.classList.toggle("now", +span.dataset.at === now);
  }
}

// ---------------------------------------------------------------- deciding
async function save(verdict, reason = "", version = clip.version) {
  const saved = clip, text = $("text").value;
  await attempt(async () => {
    complain("");
    try {
      const answer = await api(`api/clips/${saved.id}`, {version, verdict, text, reason}, "PUT");
      localStorage.removeItem(KEPT + saved.id);
      showProgress(answer.progress); renewRow(answer);
      if (clip !== saved) return;
      const isReview = saved.verdict !== "open";
      Object.assign(saved, answer);
      given = text; showState();
      say(`${sentence(NAMES[verdict])} ${answer.unwritable.length ? `Not in the alphabet: ${answer.unwritable.join(" ")}.` : ""}`);
      await (isReview ? move(1, true) : goOn(saved.id, true));
    } catch (error) {
      if (error.status !== 409) throw error;
      showConflict(error.answer.current, verdict, text, reason);
    }
  });
}
async function goOn(after, play = false) {
  const answer = await attempt(() => api("api/next", {after}));
  if (!answer) return;
  showProgress(answer.progress);
  if (answer.id) return open(answer.id, {play});
  player.close(); clip = null; markCurrent(); showEmpty();
}
function showConflict(current, verdict, text, reason) {
  $("conflict-who").textContent = `${current.person || "Somebody else"} has saved this clip meanwhile (${NAMES[current.verdict]}).`;
  $("conflict-text").textContent = current.text || "(no text)";
  $("conflict-mine").textContent = text || "(no text)";
  $("conflict").hidden = false;
  $("keep-theirs").onclick = () => { localStorage.removeItem(KEPT + current.id); given = current.text; setText(current.text); open(current.id); };
  $("keep-mine").onclick = () => { $("conflict").hidden = true; clip.version = current.version; save(verdict, reason, current.version); };
  $("keep-theirs").focus();
  say(`${$("conflict-who").textContent} Choose theirs or yours.`);
}
function askReason() {
  if (!clip) return;
  player.pause();
  $("reasons").replaceChildren(...REASONS.map((text, i) => {
    const button = Object.assign(document.createElement("button"), {className: "button", value: text, textContent: `${i + 1}  ${text}`});
    button.setAttribute("aria-keyshortcuts", i + 1);
    return button;
  }));
  $("reason").value = "";
  $("reject-dialog").returnValue = "";
  $("reject-dialog").showModal();
}
$("reject-dialog").onclose = () => {
  const chosen = $("reject-dialog").returnValue;
  const reason = chosen === "reject" ? $("reason").value.trim() || "no reason given" : chosen;
  if (reason) save("rejected", reason); else $("text").focus();
};
$("reject-dialog").onkeydown = event => {
  const reason = REASONS[event.key - 1];
  if (!reason || event.target === $("reason")) return;
  event.preventDefault();
  $("reject-dialog").close(reason);
};

// ---------------------------------------------------------------- playing
function wordAt(position) {
  const at = painted.words.findIndex(word => position <= word.to);
  return at < 0 ? painted.words.length - 1 : at;
}
function playWord() {
  const time = painted.times[wordAt($("text").selectionStart)];
  player.play(time ? time.start : 0);
}
function toggleLoop() {
  if (player.loop) player.loop = null;
  else {
    const text = $("text"), first = painted.times[wordAt(text.selectionStart)];
    const isWhole = !first || document.activeElement !== text;
    const last = isWhole ? null : painted.times[Math.max(wordAt(text.selectionStart), wordAt(Math.max(text.selectionStart, text.selectionEnd - 1)))];
    player.loop = isWhole ? {start: 0, end: length()} : {start: Math.max(0, first.start - 0.1), end: Math.min(length(), last.end + 0.1)};
    player.play(player.loop.start);
  }
  showTime();
}
let dragged = null;
function timeAt(event) {
  const box = $("wave").getBoundingClientRect();
  return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * length();
}
$("wave").onpointerdown = event => {
  if (event.button) return;
  dragged = {from: timeAt(event), at: event.clientX, word: event.target.dataset.at};
  $("wave").setPointerCapture(event.pointerId);
};
$("wave").onpointermove = event => {
  if (!dragged || Math.abs(event.clientX - dragged.at) < 6) return;
  const [start, end] = [dragged.from, timeAt(event)].sort((a, b) => a - b);
  player.loop = {start, end: Math.max(end, start + 0.1)};
  showTime();
};
$("wave").onpointerup = event => {
  if (!dragged) return;
  const isClick = Math.abs(event.clientX - dragged.at) < 6, word = painted.times[dragged.word];
  if (isClick) { player.loop = null; player.play(word ? word.start : dragged.from); } else player.play(player.loop.start);
  dragged = null;
};
$("wave").onpointercancel = () => { dragged = null; };

// ---------------------------------------------------------------- keys and buttons
const ACTIONS = {
  "Escape": () => player.toggle(), "Shift+Enter": playWord, "Alt+Enter": toggleLoop,
  "Alt+ArrowLeft": () => player.step(-2), "Alt+ArrowRight": () => player.step(2),
  "Alt+ArrowDown": () => { player.change(-1); showTime(); say(`Speed ${player.speed}`); },
  "Alt+ArrowUp": () => { player.change(1); showTime(); say(`Speed ${player.speed}`); },
  "PageDown": () => move(1), "PageUp": () => move(-1), "Shift+PageDown": askReason,
  "F1": () => { player.pause(); $("keys-dialog").showModal(); $("keys-dialog").scrollTop = 0; },
};
addEventListener("keydown", event => {
  if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  const name = (event.altKey ? "Alt+" : "") + (event.shiftKey ? "Shift+" : "") + event.key;
  const inText = event.target === $("text");
  const action = name === "Enter" ? inText && (() => save("accepted")) : ACTIONS[name];
  if (!action || (!clip && name !== "F1") || (name.endsWith("Enter") && event.target.tagName === "BUTTON")) return;
  event.preventDefault();
  if (!event.repeat || name.startsWith("Alt+Arrow")) action();
});
for (const [id, action] of Object.entries({
  play: ACTIONS.Escape, "play-word": playWord, back: ACTIONS["Alt+ArrowLeft"], loop: toggleLoop, slower: ACTIONS["Alt+ArrowDown"], faster: ACTIONS["Alt+ArrowUp"],
  accept: () => save("accepted"), reject: askReason, previous: () => move(-1), next: () => move(1), "show-keys": ACTIONS.F1, "show-training": showTraining, print: printAll,
  earlier: () => loadList(listed.offset - PAGE), later: () => loadList(listed.offset + PAGE),
})) $(id).onclick = action;
$("list").onclick = event => { const button = event.target.closest("button"); if (button) open(button.dataset.id, {play: true}); };
$("show").onchange = () => loadList(0);
let typing = 0;
$("search").oninput = () => { clearTimeout(typing); typing = setTimeout(() => loadList(0), 250); };
$("text").oninput = () => {
  const text = $("text");
  if (/[\r\n]/.test(text.value)) { const at = text.selectionStart; text.value = text.value.replace(/[\r\n]+/g, " "); text.selectionEnd = at; }
  mark(); showWords(); keepText();
};
$("person").value = localStorage.getItem("desk-person") || "";
$("person").onchange = () => { localStorage.setItem("desk-person", $("person").value); renew(); };
async function renew() {
  if (!clip || opening || document.hidden) return;
  renewal = api(`api/clips/${clip.id}/open`, {}).catch(() => null);
  const answer = await renewal;
  if (answer && clip && answer.id === clip.id && answer.version !== clip.version) complain(`${answer.person || "Somebody else"} has saved this clip meanwhile; what you save will be shown beside it.`);
  const now = await api("api/desk").catch(() => null);
  if (now) showProgress(now.progress);
  await renewList();
}
setInterval(renew, 1000 * RENEW_SECONDS);
addEventListener("pagehide", () => { keepText(); navigator.sendBeacon("api/leave", new Blob([JSON.stringify({page: key})], {type: "application/json"})); });
new ResizeObserver(() => { if (samples) draw($("picture"), samples); }).observe($("picture"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (samples) draw($("picture"), samples); });

// ---------------------------------------------------------------- what comes of it
async function showTraining() {
  const advice = await attempt(() => api("api/training"));
  if (!advice) return;
  $("command").textContent = advice.command;
  $("remarks").replaceChildren(...advice.remarks.map(text => Object.assign(document.createElement("li"), {textContent: text})));
  $("copy").textContent = "Copy";
  $("training-dialog").showModal();
}
$("copy").onclick = async () => {
  try { await navigator.clipboard.writeText($("command").textContent); $("copy").textContent = "Copied"; }
  catch { getSelection().selectAllChildren($("command")); $("copy").textContent = "Press Ctrl+C"; } // pages without HTTPS may not write there
};
(async () => {
  desk = await attempt(() => api("api/desk")) || desk;
  if (!desk.progress.clips && desk.progress.clips !== 0) return;
  $("data-set").textContent = desk.name; document.title = `${desk.name} · Transcription desk`;
  if (desk.language) { $("text").lang = desk.language; $("mirror").lang = desk.language; }
  showProgress(desk.progress);
  await loadList(0);
  const asked = location.hash.slice(1);
  if (/^[0-9a-f]{16}$/.test(asked) && desk.progress.clips) await open(asked);
  if (!clip && desk.progress.clips) await goOn("");
  if (!clip) showEmpty();
  if (desk.progress.cut < desk.progress.recordings) setTimeout(watch, 700);
})();
