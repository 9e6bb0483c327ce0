/* The page: one input, one or two networks, one clock, one neuron. */
import { ask, byId, el, latest } from "./dom.js";
import { Paper, Samples } from "./input.js";
import { Lane } from "./lane.js";
import { Panel } from "./neuron.js";

const SECONDS = 8; // that the whole way takes at speed 1
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const state = { input: { sample: 0 }, at: 1, playing: false, seen: 0 };
const lanes = [];

function trouble(error) {
  const box = byId("trouble");
  box.hidden = error === null;
  if (error !== null) box.textContent = error.message;
}

function moved(at) {
  state.at = Math.min(Math.max(at, 0), 1);
  const slider = byId("time");
  slider.value = String(Math.round(state.at * 1000));
  slider.setAttribute("aria-valuetext", lanes.map((lane) => lane.said(state.at)).join("; "));
  lanes.forEach((lane) => lane.at(state.at));
}

function playing(on) {
  if (on && state.at >= 1) moved(0);
  state.playing = on;
  byId("play").textContent = on ? "Pause" : "Play";
  if (on) { state.seen = performance.now(); requestAnimationFrame(tick); }
}

function tick(now) {
  if (!state.playing) return;
  const most = calm.matches ? 0.5 : 0; // seconds between two pictures where motion is not wanted
  const passed = (now - state.seen) / 1000;
  if (passed >= most) {
    state.seen = now;
    moved(state.at + (passed * Number(byId("speed").value)) / SECONDS);
  }
  if (state.at >= 1) playing(false);
  else requestAnimationFrame(tick);
}

const steps = () => Math.max(...lanes.map((lane) => lane.steps), 0) || 64;

function stepped(by) {
  playing(false);
  moved((Math.round(state.at * steps()) + by) / steps());
}

function controls() {
  byId("play").onclick = () => playing(!state.playing);
  byId("step").onclick = () => stepped(1);
  byId("back").onclick = () => stepped(-1);
  byId("time").oninput = (event) => { playing(false); moved(Number(event.target.value) / 1000); };
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target.closest("button, select, textarea, summary, a")) return;
    event.preventDefault();
    playing(!state.playing);
  });
}

function chosen(input) {
  state.input = input;
  lanes.forEach((lane) => lane.run(input)); // each tells the panel when it has answered
}

const panel = new Panel(byId("neuron"), () => lanes, trouble);

function lane(about, coding, title) {
  const made = new Lane(about, coding, title, {
    picked: (stage, place) => {
      lanes.filter((one) => one !== made).forEach((one) => one.mark(null));
      panel.show(made, stage, place);
    },
    changed: () => { moved(state.at); panel.refresh(); trouble(null); },
    time: (at) => { playing(false); moved(at); },
    input: () => state.input,
    trouble,
  });
  lanes.push(made);
  byId("lanes").append(made.root);
  made.run(state.input);
  return made;
}

function second(about) {
  const select = byId("second");
  for (const name of Object.keys(about.codings)) select.append(el("option", { value: name }, name));
  for (const [name, why] of Object.entries(about.left_out))
    select.append(el("option", { value: name, disabled: true, title: why }, `${name} (not for this model)`));
  select.onchange = () => {
    const had = lanes[1];
    if (had) { lanes.pop(); had.root.remove(); panel.gone(had); }
    byId("lanes").classList.toggle("two", select.value !== "");
    if (select.value !== "") lane(about, select.value, "Second");
    lanes[0].fit();
  };
}

async function begin() {
  try {
    const about = await ask("/api/about");
    byId("model").textContent = about.name;
    document.title = `${about.name} – isospike explore`;
    byId("prices").textContent = `Energy is counted from operations. Prices: ${about.prices}`;
    const samples = new Samples(about, chosen, trouble);
    if (about.drawable) {
      byId("drawing").hidden = false;
      new Paper(about.shape, latest(async (input) => { samples.none(); chosen(input); await lanes[0].idle(); }));
    }
    controls();
    lane(about, Object.keys(about.codings)[0], "First");
    second(about);
    await samples.page(0);
  } catch (error) { trouble(error); }
}

begin();
