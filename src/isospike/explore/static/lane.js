/* One network: its settings, its decision beside the original's, what it costs, its wave of spikes. */
import { ask, el, fixed, latest, number, whole } from "./dom.js";
import { Wave } from "./wave.js";

const MOST = 12; // outputs that are shown
const SLIDERS = [
  ["jitter", "Jitter", "SD of spike times", (v) => `${number(v)} τ`],
  ["ticks", "Ticks", "a window", (v) => (v ? `${v}` : "off")],
  ["bits", "Weights", "bits", (v) => (v ? `${v}` : "off")],
  ["margin", "Margin", "of windows", (v) => `${number(100 * v)} %`],
  ["steps", "Steps", "until the answer", (v) => `${v}`],
];
const TICKS = [0, 256, 128, 64, 32, 24, 16, 12, 8, 6, 4]; // from off to coarse
const BITS = [0, 8, 7, 6, 5, 4, 3, 2];
const CHOICES = { ticks: TICKS, bits: BITS };

export class Lane {
  constructor(about, coding, title, told) {
    this.about = about; this.told = told; this.title = title; this.ideal = null;
    this.result = null; this.steps = 0; this.busy = Promise.resolve();
    this.select = el("select", { ariaLabel: `${title} coding` },
      ...Object.keys(about.codings).map((name) => el("option", { value: name, selected: name === coding }, name)));
    this.select.onchange = () => { this.sliders(); this.ask(); };
    this.knobs = el("div", { className: "knobs" });
    this.answer = el("div", { className: "answer", ariaLive: "polite" });
    this.scores = el("table", { className: "scores" });
    this.figures = el("dl", { className: "figures" });
    this.clock = el("span", { className: "clock" });
    this.wave = new Wave({
      picked: (stage, place) => told.picked(stage, place),
      time: told.time,
    });
    this.root = el("article", { className: "lane", ariaLabel: `${title} network` },
      el("div", { className: "lane-head" }, el("label", {}, "Coding ", this.select), this.clock),
      el("div", { className: "lane-top" },
        el("div", { className: "decision" }, this.answer, this.scores),
        el("div", { className: "settings" }, this.knobs, this.figures)),
      this.wave.root);
    this.send = latest(async (input) => {
      this.busy = this.fetch(input);
      await this.busy;
    });
    this.sliders();
  }

  get coding() { return this.select.value; }

  settings() {
    const made = { coding: this.coding };
    for (const [name, slider] of Object.entries(this.inputs))
      if (!slider.disabled) made[name] = name in CHOICES ? CHOICES[name][Number(slider.value)] : Number(slider.value);
    return made;
  }

  sliders() {
    const { reasons, usual, said } = this.about.codings[this.coding];
    this.select.title = said;
    this.inputs = {};
    const rows = SLIDERS.map(([name, label, of, shown]) => {
      const [low, high] = this.about.limits[name], choices = CHOICES[name], why = reasons[name];
      const slider = el("input", {
        type: "range", min: choices ? 0 : low, max: choices ? choices.length - 1 : high,
        step: choices || name === "steps" ? 1 : 0.01, disabled: why !== undefined,
      });
      slider.value = String(choices ? 0 : (usual[name] ?? (name === "jitter" ? 0 : low)));
      slider.setAttribute("aria-label", of ? `${label} ${of}` : label);
      const output = el("output");
      const tell = () => {
        const value = choices ? choices[Number(slider.value)] : Number(slider.value);
        output.textContent = why === undefined ? shown(value) : "–";
        slider.setAttribute("aria-valuetext", why ?? shown(value));
      };
      slider.oninput = () => { tell(); this.ask(); };
      tell();
      this.inputs[name] = slider;
      const row = el("div", { className: why ? "knob off" : "knob" },
        el("span", {}, label, of ? el("small", {}, ` ${of}`) : null), slider, output);
      if (why) row.append(el("small", { className: "why" }, why));
      return row;
    });
    const on = rows.filter((row) => !row.classList.contains("off")), off = rows.filter((row) => row.classList.contains("off"));
    const rest = off.length
      ? el("details", {}, el("summary", {}, `${off.length} setting${off.length > 1 ? "s do" : " does"} not apply to ${this.coding}`), ...off) : null;
    this.knobs.replaceChildren(...on, ...(rest ? [rest] : []));
  }

  ask() { this.send(this.told.input()); }
  run(input) { this.send(input); }
  idle() { return this.busy; }
  fit() { this.wave.fit(); }
  has(stage, place) {
    const found = this.result?.stages.find((one) => one.name === stage);
    return found !== undefined && found.shape.length === place.length && found.shape.every((n, k) => place[k] < n);
  }

  mark(stage, place) { this.wave.mark(stage, place); }

  async fetch(input) {
    const settings = this.settings();
    this.root.setAttribute("aria-busy", "true");
    try {
      const found = await ask("/api/run", { input, settings });
      this.result = found; this.steps = found.steps;
      const key = JSON.stringify([input, settings.coding]);
      if (found.constraints.length === 0) this.ideal = { key, found };
      this.show(found, this.ideal?.key === key && found.constraints.length ? this.ideal.found : null);
      this.wave.show(found);
      this.told.changed(this);
    } catch (error) { this.told.trouble(error); }
    this.root.removeAttribute("aria-busy");
  }

  named(output) { return this.about.classes[output] ?? String(output); }

  show(found, ideal) {
    const { decision: ours, decision_original: theirs } = found, alone = found.scores.length < 2;
    const same = ours.output === theirs.output;
    const said = (title, scores, one) => el("div", {},
      el("span", { className: "soft" }, title),
      el("strong", {}, alone ? number(scores[0]) : this.named(one.output)),
      alone ? null : el("small", { className: "soft" }, `leads by ${number(one.margin, 3)}`));
    this.answer.replaceChildren(
      said("spiking", found.scores, ours), said("original", found.original, theirs),
      ...(alone ? [] : [el("span", { className: same ? "verdict good" : "verdict bad" }, same ? "same decision" : "decisions differ")]));
    this.table(found);
    this.figures.replaceChildren(...this.cost(found, ideal));
  }

  table(found) {
    let rows = found.scores.map((score, i) => [i, score, found.original[i]]);
    if (rows.length > MOST) {
      rows.sort((a, b) => Math.max(b[1], b[2]) - Math.max(a[1], a[2]));
      rows = rows.slice(0, MOST);
    }
    const all = rows.flatMap((row) => [row[1], row[2], 0]), low = Math.min(...all), high = Math.max(...all);
    const span = high - low || 1;
    const bar = (value, kind) => {
      const inner = el("i", { className: kind });
      inner.style.left = `${(100 * (Math.min(value, 0) - low)) / span}%`;
      inner.style.width = `${Math.max((100 * Math.abs(value)) / span, 0.5)}%`;
      return el("span", { className: "bar" }, inner);
    };
    const head = el("tr", {}, el("th", { className: "words", scope: "col" }, el("span", { className: "hidden" }, "output")),
      el("th", { className: "words", scope: "col", colSpan: 2 }, el("b", { className: "key ours" }), " spiking"),
      el("th", { className: "words", scope: "col", colSpan: 2 }, el("b", { className: "key theirs" }), " original"));
    const columns = el("colgroup", {}, ...["name", "bars", "score", "bars", "score"].map((one) => el("col", { className: one })));
    this.scores.replaceChildren(el("caption", { className: "hidden" }, "Scores of the spiking network and of the original"), columns, head,
      ...rows.map(([i, mine, other]) => el("tr", { className: i === found.decision.output ? "first" : "" },
        el("th", { scope: "row", className: "words name" }, this.named(i)),
        el("td", { className: "bars" }, bar(mine, "ours")), el("td", {}, fixed(mine)),
        el("td", { className: "bars" }, bar(other, "theirs")), el("td", {}, fixed(other)))));
  }

  cost(found, ideal) {
    const figures = found.figures;
    const change = (now, before) => {
      if (!ideal || !before) return null;
      const share = (100 * (now - before)) / before;
      const more = share > 0 ? "more" : "less";
      return el("small", { className: "soft" }, share === 0 ? " as ideal" : ` ${number(Math.abs(share), 2)} % ${more} than ideal`);
    };
    const row = (name, value, ...more) => el("div", {}, el("dt", {}, name), el("dd", {}, value, ...more));
    const outside = figures.inputs_outside_range;
    return [
      row("spikes", whole(found.spikes), el("small", { className: "soft" }, ` of ${whole(found.neurons)} neurons`), change(found.spikes, ideal?.spikes)),
      row("energy", `${number(figures.energy_spiking_nj)} nJ`, change(figures.energy_spiking_nj, ideal?.figures.energy_spiking_nj)),
      row("original", `${number(figures.energy_original_nj)} nJ`),
      row("answers after", found.steps ? `${found.steps} steps` : `${number(found.end)} τ`),
      ...(outside ? [row("clipped", `${whole(outside)} inputs outside the range`)] : []),
    ];
  }

  said(at) {
    if (!this.result) return "";
    return this.steps ? `step ${Math.round(at * this.steps)} of ${this.steps}` : `t = ${fixed(at * this.result.end, 2)} τ of ${fixed(this.result.end, 2)} τ`;
  }

  at(at) {
    this.clock.textContent = this.said(at);
    this.wave.at(at);
  }
}
