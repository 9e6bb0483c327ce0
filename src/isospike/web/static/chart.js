/* Charts of a page: options are plain JSON, as ECharts has them, and three things of our own:
   {"packed": "…", "columns": n}   numbers as base64 of little-endian float32, in place of a data array
   "tip": "neuron {1} at {0} τ"    of a series: its tooltip, by column of the datum
   "ink": k                        of a series: its colour, of the page's look */
"use strict";
const isospike = (() => {
  const drawn = new Set();
  const look = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const escaped = (text) =>
    String(text).replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c]);
  const short = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value));

  const power = (value) => (value >= 0.01 && value < 1e4 ? short(value) : value.toExponential(0).replace("e+", "e"));

  function unpacked(base64) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  }

  /* An option with its numbers unpacked; of samples of several columns, rows. */
  function read(option) {
    const series = option.series.map((one) => {
      const made = { ...one };
      if (made.data && made.data.packed !== undefined) {
        const flat = unpacked(made.data.packed), n = made.data.columns;
        made.data = Array.from({ length: flat.length / n }, (_, i) => Array.from(flat.subarray(i * n, (i + 1) * n)));
      }
      if (made.tip) {
        const tip = made.tip;
        made.tooltip = {
          formatter: (p) =>
            escaped(tip).replace(/\{(\w+)\}/g, (_, key) => escaped(key === "name" ? p.name : short([].concat(p.value)[key]))),
        };
        delete made.tip;
      }
      return made;
    });
    return { ...option, series };
  }

  function themed(option) {
    const text = look("--text"), soft = look("--soft"), line = look("--line");
    const inks = [1, 2, 3, 4, 5, 6].map((k) => look(`--ink-${k}`));
    const axis = (one) => ({
      nameTextStyle: { color: soft }, nameLocation: "middle", nameGap: 28, ...one,
      axisLine: { lineStyle: { color: line }, ...one.axisLine },
      axisLabel: { color: soft, hideOverlap: true, ...(one.type === "log" && { formatter: power }), ...one.axisLabel },
      splitLine: { lineStyle: { color: line, opacity: 0.6 }, show: one.type !== "category", ...one.splitLine },
    });
    const all = (axes) => (axes === undefined ? undefined : [].concat(axes).map(axis));
    const paint = (one) => {
      const made = { ...one };
      if (made.ink !== undefined) {
        const color = made.ink < 0 ? line : inks[made.ink % inks.length];
        made.itemStyle = { color, ...made.itemStyle };
        made.lineStyle = { color, ...made.lineStyle };
        delete made.ink;
      }
      if (made.label) made.label = { color: text, ...made.label };
      for (const mark of ["markLine", "markArea"])
        if (made[mark]) made[mark] = { silent: true, symbol: "none", ...made[mark], label: { color: soft, ...made[mark].label } };
      if (made.markLine) made.markLine.lineStyle = { color: soft, type: "dotted", ...made.markLine.lineStyle };
      if (made.markArea) made.markArea.itemStyle = { color: line, opacity: 0.35, ...made.markArea.itemStyle };
      return made;
    };
    return {
      color: inks, animation: false, backgroundColor: "transparent", textStyle: { fontFamily: "system-ui, sans-serif", color: text },
      ...option,
      grid: { left: 64, right: 24, top: 32, bottom: 48, ...option.grid },
      legend: option.legend && { textStyle: { color: text }, type: "scroll", top: 0, ...option.legend },
      tooltip: {
        backgroundColor: look("--panel"), borderColor: line, textStyle: { color: text }, confine: true, ...option.tooltip,
      },
      xAxis: all(option.xAxis), yAxis: all(option.yAxis), series: option.series.map(paint),
    };
  }

  /* Draw a chart; `show(other)` on what is returned draws another in its place. */
  function chart(element, option) {
    const made = echarts.init(element);
    const self = {
      made, element,
      show(other) { self.option = read(other); made.setOption(themed(self.option), { notMerge: true }); },
      again() { made.setOption(themed(self.option), { notMerge: true }); },
    };
    self.show(option);
    new ResizeObserver(() => made.resize()).observe(element);
    drawn.add(self);
    return self;
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((one) => one.again()));
  const printing = matchMedia("print");
  printing.addEventListener("change", () => drawn.forEach((one) => { one.made.resize(); one.again(); }));
  return { chart, unpacked, look, escaped, short, drawn };
})();
