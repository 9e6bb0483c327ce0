/* The wave of spikes: layers as mosaics, and below them a raster of all windows on one clock. */
import { bytes, css, el, mixed, number, rgb, sized, whole } from "./dom.js";
import { Mosaic } from "./mosaic.js";

const FLASH = 0.015; // of the whole time: how long a spike is shown as new
const BAND = 34, LABEL = 15, LEFT = 8, RIGHT = 8, BOTTOM = 20; // CSS pixels of the raster

export class Wave {
  constructor(told) {
    this.told = told; this.layers = []; this.now = 1; this.chosen = null; this.scene = null; this.key = "";
    this.row = el("div", { className: "layers" });
    this.raster = el("canvas", { className: "raster", role: "img" });
    this.legend = el("span", { className: "legend" });
    this.over = el("span", { className: "over" });
    this.root = el("div", { className: "wave" }, this.row,
      el("div", { className: "row small soft legend-row" }, this.legend, this.over), el("div", { className: "raster-box" }, this.raster));
    this.back = document.createElement("canvas");
    new ResizeObserver(() => this.fit()).observe(this.root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.fit());
    let held = false;
    const scrub = (event) => {
      const box = this.raster.getBoundingClientRect();
      told.time((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT));
    };
    this.raster.addEventListener("pointerdown", (event) => { held = true; this.raster.setPointerCapture(event.pointerId); scrub(event); });
    this.raster.addEventListener("pointermove", (event) => { if (held) scrub(event); });
    for (const end of ["pointerup", "pointercancel"]) this.raster.addEventListener(end, () => { held = false; });
  }

  show(scene) {
    this.scene = scene;
    const key = JSON.stringify(scene.stages.map((stage) => [stage.name, stage.shape, stage.kind]));
    if (key !== this.key) { // otherwise mosaics stay, and with them the focus
      this.key = key;
      const picked = (name, place) => { this.mark(name, place); this.told.picked(name, place); };
      this.layers = scene.stages.map((stage) => new Mosaic(stage, picked, (layer, i) => this.hover(layer, i)));
      this.row.replaceChildren(...this.layers.map((one) => one.root));
      if (this.chosen) this.mark(...this.chosen);
    }
    this.stages = scene.stages.map((stage) => read(stage, scene));
    this.layers.forEach((one, k) => { one.title.textContent = fires(scene.stages[k]); });
    this.raster.setAttribute("aria-label", `Spikes over time: ${scene.stages.map((stage) => `${stage.name}, ${fires(stage) || "read at the end"}`).join("; ")}`);
    this.legend.replaceChildren(...legend(scene));
    this.fit();
  }

  /* What a neuron under the pointer does. */
  hover(layer, i) {
    const stage = this.stages[this.layers.indexOf(layer)];
    if (i === null || !stage) { this.over.textContent = ""; return; }
    const where = `${stage.name} (${layer.place(i).join(", ")})`;
    if (stage.kind === "read-out") this.over.textContent = `${where}: score ${number(this.scene.scores[i])}`;
    else if (stage.trains) this.over.textContent = `${where}: ${number(stage.totals[i])} spikes`;
    else if (stage.currents) this.over.textContent = `${where}: current ${number(stage.currents[i])}`;
    else this.over.textContent = Number.isFinite(stage.times[i]) ? `${where}: fires at ${number(stage.times[i])} τ` : `${where}: silent`;
  }

  mark(stage, place) {
    this.chosen = stage === null ? null : [stage, place];
    this.layers.forEach((one) => one.mark(one.stage.name === stage ? place : null));
    this.at(this.now);
  }

  fit() {
    if (!this.scene || !this.root.isConnected) return;
    this.width = Math.max(this.root.clientWidth, 200);
    this.spiking = this.stages.filter((stage) => stage.kind !== "read-out");
    this.height = this.spiking.length * (BAND + LABEL) + BOTTOM;
    this.context = sized(this.raster, this.width, this.height);
    this.paint(sized(this.back, this.width, this.height));
    this.at(this.now);
  }

  x(time) { return LEFT + (time / this.scene.end) * (this.width - LEFT - RIGHT); }

  /* All spikes, once; the cursor comes over it. */
  paint(context) {
    const paper = rgb("--paper"), text = rgb("--text"), soft = css(rgb("--soft")), ink = css(rgb("--ink-1"));
    const ground = css(mixed(paper, text, 0.06));
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "alphabetic";
    this.spiking.forEach((stage, k) => {
      const top = k * (BAND + LABEL) + LABEL, [from, to] = [this.x(stage.begin), this.x(stage.end)];
      context.fillStyle = ground;
      context.fillRect(from, top, to - from, BAND);
      const label = stage.kind === "neurons" ? `layer ${stage.name}` : stage.kind === "pool" ? `pool ${stage.name}` : "input";
      const room = this.width - context.measureText(label).width - 4;
      context.fillStyle = soft;
      context.fillText(label, Math.min(from, room), top - 4);
      if (stage.currents) context.fillText("a current at every step", from + 6, top + BAND / 2 + 4);
      context.fillStyle = ink;
      for (const [x, y, wide, share] of this.dots(stage)) {
        context.globalAlpha = 0.25 + 0.75 * share;
        context.fillRect(x, top + y, wide, 2);
      }
      context.globalAlpha = 1;
    });
    context.fillStyle = soft;
    const unit = this.scene.steps ? "steps" : "τ", last = `${this.scene.steps || Number(this.scene.end.toPrecision(4))} ${unit}`;
    context.fillText("0", LEFT, this.height - 5);
    context.fillText(last, this.width - RIGHT - context.measureText(last).width, this.height - 5);
  }

  /* Spikes of a stage, gathered where they fall on one place: [x, y, width, share of the fullest place]. */
  dots(stage) {
    const rows = BAND / 2, found = new Map();
    const add = (column, i) => {
      const place = column * rows + Math.min(rows - 1, Math.floor((i / stage.size) * rows));
      found.set(place, (found.get(place) ?? 0) + 1);
    };
    const steps = this.scene.steps, wide = steps ? Math.max(1, ((this.width - LEFT - RIGHT) / steps) * 0.7) : 2;
    if (stage.trains) {
      for (let t = 0; t < steps; t++)
        for (let i = 0, at = t * stage.size; i < stage.size; i++) if (stage.trains[at + i]) add(t, i);
    } else if (!steps) {
      for (let i = 0; i < stage.size; i++) if (Number.isFinite(stage.times[i])) add(Math.round(this.x(stage.times[i]) / 2), i);
    }
    const most = Math.max(...found.values(), 1);
    return [...found].map(([place, count]) => {
      const column = Math.floor(place / rows);
      return [steps ? this.x(column + 0.15) : Math.min(column * 2 - 1, this.width - RIGHT - 2), (place % rows) * 2, wide, Math.sqrt(count / most)];
    });
  }

  at(now) {
    this.now = now;
    if (!this.scene || !this.context) return;
    const end = this.scene.end, time = now * end, steps = this.scene.steps, step = Math.round(time);
    this.layers.forEach((one, k) => {
      const stage = this.stages[k];
      if (stage.kind === "read-out") one.draw(readOut(this.scene.scores, now));
      else if (stage.trains) one.draw(counted(stage, step, steps));
      else if (stage.currents) one.draw((i) => stage.currents[i] / stage.most);
      else one.draw(lit(stage, time, now < 1 ? FLASH * end : 0));
    });
    const context = this.context, x = this.x(steps ? step : time);
    context.clearRect(0, 0, this.width, this.height);
    context.drawImage(this.back, 0, 0, this.width, this.height);
    context.globalAlpha = 0.72;
    context.fillStyle = css(rgb("--paper"));
    if (now < 1) context.fillRect(x, 0, this.width - x, this.height - BOTTOM);
    context.globalAlpha = 1;
    context.fillStyle = css(rgb("--ink-2"));
    context.fillRect(x - 1, 0, 2, this.height - BOTTOM);
  }
}

function legend(scene) {
  const key = (kind, text) => el("span", {}, el("b", { className: `swatch ${kind}` }), ` ${text}`);
  const found = [key("now", "fires now"), key("much", scene.steps ? "many spikes: large" : "early: large"),
    key("little", scene.steps ? "few: small" : "late: small"), key("none", "silent")];
  const below = scene.stages.some((stage) => stage.neuron === "SignedIF" || stage.neuron === "TernaryIF");
  return below ? [...found, key("minus", "negative")] : found;
}

const fires = (stage) => (stage.kind === "read-out" ? "" : stage.spikes === null ? "a current" : `${whole(stage.spikes)} spikes`);

function read(stage, scene) {
  const made = { ...stage, size: stage.shape.reduce((a, b) => a * b, 1) };
  if (stage.times) made.times = isospike.unpacked(stage.times.packed);
  if (stage.trains) {
    made.trains = new Int8Array(bytes(stage.trains).buffer);
    made.totals = totals(made, scene.steps);
    made.most = Math.max(1, made.totals.reduce((a, b) => Math.max(a, Math.abs(b)), 0));
    made.upto = { step: 0, counts: new Int32Array(made.size) };
  }
  if (stage.currents) {
    made.currents = isospike.unpacked(stage.currents.packed);
    made.most = made.currents.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
  }
  return made;
}

function totals(stage, steps) {
  const found = new Int32Array(stage.size);
  for (let at = 0; at < steps * stage.size; at++) found[at % stage.size] += stage.trains[at];
  return found;
}

/* First spikes: the earlier, the larger, the stronger. */
function lit(stage, time, flash) {
  const span = stage.end - stage.begin || 1;
  let most = 1e-12; // the largest lead, so that shades use their whole range
  for (const one of stage.times) if (Number.isFinite(one)) most = Math.max(most, stage.end - one);
  most = Math.min(most, span);
  return (i) => {
    const sent = stage.times[i];
    if (!(sent <= time)) return 0;
    return time - sent < flash ? 2 : Math.max((stage.end - sent) / most, 0.02);
  };
}

/* Rates: how many spikes so far; new ones stand out. */
function counted(stage, step, steps) {
  const { trains, size, upto } = stage;
  if (upto.step > step) { upto.step = 0; upto.counts.fill(0); }
  for (; upto.step < step; upto.step++)
    for (let i = 0, at = upto.step * size; i < size; i++) upto.counts[i] += trains[at + i];
  const now = (step - 1) * size, flash = step > 0 && step < steps;
  return (i) => {
    if (flash && trains[now + i]) return 2;
    const count = upto.counts[i];
    return count === 0 ? 0 : count / stage.most;
  };
}

function readOut(scores, now) {
  const low = Math.min(...scores), span = Math.max(...scores) - low || 1;
  return (i) => (now < 1 ? 0 : Math.max((scores[i] - low) / span, 0.02));
}
