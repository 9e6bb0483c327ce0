/* One neuron: the original's value beside the decoded one, its membrane, its equation, what it received. */
import { ask, el, latest, number, whole } from "./dom.js";

export class Panel {
  constructor(root, lanes, trouble) {
    this.root = root; this.lanes = lanes; this.trouble = trouble; this.asked = null; this.chart = null;
    this.fetch = latest(async ({ lane, stage, place }) => {
      try {
        const found = await ask("/api/neuron", { input: lane.told.input(), settings: lane.settings(), stage, neuron: place });
        const others = await this.others(lane, stage, place);
        if (this.asked?.lane === lane) this.draw(lane, found, others);
      } catch (error) { this.gone(lane); this.trouble(error); }
    });
  }

  show(lane, stage, place) {
    this.asked = { lane, stage, place };
    this.fetch(this.asked);
  }

  /* After the input or the settings of a lane changed. */
  refresh() {
    if (this.asked) this.fetch(this.asked);
  }

  gone(lane) {
    if (this.asked?.lane !== lane) return;
    this.asked = null; this.chart = null;
    this.root.replaceChildren(el("p", { className: "soft" }, "Click a neuron in a layer above."));
  }

  /* The same neuron in the other networks that are shown and have it. */
  async others(lane, stage, place) {
    const found = [];
    for (const other of this.lanes().filter((one) => one !== lane && one.has(stage, place))) {
      const sent = { input: other.told.input(), settings: other.settings(), stage, neuron: place };
      found.push([other.coding, await ask("/api/neuron", sent)]);
    }
    return found;
  }

  draw(lane, found, others) {
    if (this.chart === null) this.build();
    const steps = lane.steps, names = { layer: found.stage === "input" ? "input" : `layer ${found.stage}` };
    this.title.textContent = `Neuron (${found.place.join(", ")}) of ${names.layer}, ${lane.coding}: ${found.neuron}`;
    this.values.replaceChildren(
      value("decoded from its spikes", found.decoded, "decoded"),
      value("the original's value", found.original, "original"),
      value("difference", found.difference, "difference", found.rounding ? "rounding only" : ""),
      ...others.map(([coding, one]) => value(`decoded in ${coding}`, one.decoded, "other")));
    this.formula.replaceChildren(...found.equations.flatMap(([symbols, numbers]) => [el("dt", {}, symbols), el("dd", {}, numbers)]));
    this.terms.replaceChildren(...found.terms.map(([symbol, meaning, size]) => el("tr", {},
      el("th", { className: "words", scope: "row" }, symbol), el("td", { className: "words soft" }, meaning), el("td", {}, number(size, 6)))));
    this.picture(found, steps);
    this.received(found.incoming, steps);
  }

  build() {
    this.title = el("h3", {});
    this.values = el("div", { className: "values" });
    this.figure = el("div", { className: "chart membrane", role: "img" });
    this.caption = el("p", { className: "soft small" });
    this.formula = el("dl", { className: "formula" });
    this.terms = el("table", { className: "terms" });
    this.heading = el("h4", {}, "What arrives");
    this.count = el("p", { className: "soft small" });
    this.table = el("table", { className: "arriving" });
    this.root.replaceChildren(this.title, this.values,
      el("div", { className: "two-parts" },
        el("div", {}, el("h4", {}, "Membrane potential"), this.figure, this.caption,
          el("h4", {}, "Arithmetic"), this.formula, this.terms),
        el("div", {}, this.heading, this.count, el("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "What arrives" }, this.table))));
    this.chart = false;
  }

  picture(found, steps) {
    const line = found.membrane;
    this.figure.hidden = line === null;
    this.caption.textContent = line === null ? found.why : said(line, steps);
    this.figure.setAttribute("aria-label", this.caption.textContent);
    if (line === null) return;
    const option = membrane(line, steps);
    if (this.chart) this.chart.show(option);
    else this.chart = isospike.chart(this.figure, option);
  }

  received(incoming, steps) {
    const none = incoming === null;
    this.heading.hidden = none;
    if (none) { this.count.textContent = ""; this.table.replaceChildren(); return; }
    const { rows, arriving, synapses, current } = incoming;
    const kind = current ? "currents" : steps ? "senders" : "spikes";
    this.count.textContent = `${whole(rows.length)} of ${whole(arriving)} ${kind} are listed, those that add most first. ` +
      `${whole(synapses - arriving)} of ${whole(synapses)} synapses stay silent.`;
    const most = Math.max(...rows.map((row) => Math.abs(row.adds)), 1e-12);
    const heads = steps && !current ? ["from", "spikes", "first", "weight", "adds"] : steps ? ["from", "current", "weight", "adds"] : ["from", "time", "lead x", "weight J", "adds J x"];
    this.table.replaceChildren(
      el("tr", {}, ...heads.map((name) => el("th", { scope: "col", className: name === "from" ? "words" : "" }, name)), el("th", { ariaHidden: "true" })),
      ...rows.map((row) => {
        const bar = el("i", { className: row.adds < 0 ? "minus" : "plus" });
        bar.style.width = `${(50 * Math.abs(row.adds)) / most}%`;
        const cells = steps && !current ? [whole(row.count), whole(row.time)] : steps ? [number(row.lead)] : [number(row.time, 5), number(row.lead)];
        return el("tr", {}, el("th", { className: "words", scope: "row" }, `${row.source} (${row.place.join(", ")})`),
          ...[...cells, number(row.weight), number(row.adds)].map((text) => el("td", {}, text)),
          el("td", { className: "bars" }, el("span", { className: "bar middle" }, bar)));
      }));
  }
}

function value(name, size, key, note = "") {
  const made = el("div", {}, el("span", { className: "soft" }, name), el("strong", {}, number(size, 8)), note ? el("small", { className: "good" }, note) : null);
  made.dataset.value = key;
  return made;
}

function said(line, steps) {
  if (line.threshold === null)
    return steps ? "The read-out never fires: its score is the mean of what arrived up to each step." : "The read-out never fires: its potential at the end is the score.";
  if (steps) return `The potential that each step leaves. It sends ${line.spikes.length} spikes; each takes its threshold away.`;
  const when = line.spikes.length ? `It crosses its threshold at t = ${number(line.spikes[0], 5)} τ.` : "It stays silent: its window ends before the threshold is reached.";
  return `${when} It can fire from the beginning of its window on (shaded), when all spikes have arrived.`;
}

function membrane(line, steps) {
  const dotted = line.threshold === null ? [] : [{ yAxis: line.threshold, label: { formatter: "threshold θ", position: "insideStartTop" } }];
  const spikes = line.spikes.map((time) => [time, line.threshold]);
  return {
    xAxis: { type: "value", name: steps ? "step" : "time [τ]", scale: true, max: line.end, axisLabel: { formatter: (v) => String(Number(v.toPrecision(4))) } },
    yAxis: { type: "value", name: "V", nameGap: 40, scale: true, axisLabel: { formatter: (v) => String(Number(v.toPrecision(3))) } },
    grid: { left: 56, right: 16, top: 16, bottom: 44 },
    tooltip: { trigger: "axis", renderMode: "richText", valueFormatter: (v) => number(v) },
    series: [
      {
        type: "line", name: "V", ink: 0, data: line.line, showSymbol: false, lineStyle: { width: 2 },
        markLine: { data: dotted },
        ...(steps ? {} : { markArea: { data: [[{ xAxis: line.begin }, { xAxis: line.end }]] } }),
      },
      { type: "scatter", name: "spike", ink: 1, data: spikes, symbolSize: steps ? 7 : 11 },
    ],
  };
}
