/* One layer as a mosaic of its feature maps: a cell a neuron, lit when it has fired. */
import { css, el, mixed, rgb, sized } from "./dom.js";

const HEIGHT = 150, WIDTH = 172, LARGEST = 12; // CSS pixels
const SHADES = 32;

/* Tiles of a shape: how many maps, and how each lies. */
function tiles(shape) {
  const size = shape.reduce((a, b) => a * b, 1);
  const wide = shape.slice(1).reduce((a, b) => a * b, 1);
  if (wide === 1) { // dense: a column, or a grid
    const high = size <= 14 ? size : Math.ceil(Math.sqrt(size * 1.8));
    return { maps: 1, high, wide: Math.ceil(size / high), size };
  }
  if (shape.length === 2) return { maps: 1, high: shape[0], wide: shape[1], size };
  const [high, across] = shape.slice(-2);
  return { maps: size / (high * across), high, wide: across, size };
}

function layout(shape) {
  const { maps, high, wide, size } = tiles(shape);
  let best = null;
  for (let rows = 1; rows <= maps; rows++) {
    const columns = Math.ceil(maps / rows);
    const down = rows * (high + 1) - 1, across = columns * (wide + 1) - 1;
    const cell = Math.min(Math.floor(HEIGHT / down), Math.floor(WIDTH / across), LARGEST);
    if (best === null || cell > best.cell || (cell === best.cell && Math.abs(down - across) < best.uneven))
      best = { cell, rows, columns, down, across, uneven: Math.abs(down - across) };
  }
  const cell = Math.max(best.cell, 1);
  return { ...best, cell, maps, high, wide, size };
}

export class Mosaic {
  constructor(stage, told, over) {
    this.stage = stage; this.told = told;
    const { name, shape, kind } = stage;
    this.plan = layout(shape);
    this.canvas = el("canvas", { tabIndex: 0, role: "application", className: "mosaic" });
    this.canvas.setAttribute("aria-roledescription", "layer of neurons");
    this.title = el("span", { className: "soft" });
    this.root = el("figure", { className: "layer" },
      el("figcaption", {}, el("b", {}, kind === "input" ? "input" : `${kind === "neurons" ? "layer" : kind} ${name}`),
        el("span", { className: "soft" }, shape.join(" × ")), this.title),
      this.canvas);
    this.width = this.plan.across * this.plan.cell; this.height = this.plan.down * this.plan.cell;
    this.context = sized(this.canvas, this.width, this.height);
    this.small = document.createElement("canvas");
    this.small.width = this.plan.across; this.small.height = this.plan.down;
    this.where = Array.from({ length: this.plan.size }, (_, i) => this.cell(i));
    this.chosen = null;
    this.canvas.addEventListener("click", (event) => {
      const box = this.canvas.getBoundingClientRect();
      const found = this.index((event.clientX - box.left) / this.plan.cell, (event.clientY - box.top) / this.plan.cell);
      if (found !== null) this.pick(found);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const box = this.canvas.getBoundingClientRect();
      over(this, this.index((event.clientX - box.left) / this.plan.cell, (event.clientY - box.top) / this.plan.cell));
    });
    this.canvas.addEventListener("pointerleave", () => over(this, null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.label();
  }

  /* Where neuron i lies, in cells. */
  cell(i) {
    const { high, wide, columns, maps } = this.plan, area = maps === 1 ? Infinity : high * wide;
    const map = maps === 1 ? 0 : Math.floor(i / area), rest = maps === 1 ? i : i % area;
    return [(map % columns) * (wide + 1) + (rest % wide), Math.floor(map / columns) * (high + 1) + Math.floor(rest / wide)];
  }

  index(x, y) {
    const { high, wide, columns, maps, size } = this.plan;
    const [ax, ay] = [Math.floor(x), Math.floor(y)], [mx, my] = [Math.floor(ax / (wide + 1)), Math.floor(ay / (high + 1))];
    const [dx, dy] = [ax - mx * (wide + 1), ay - my * (high + 1)], map = my * columns + mx;
    if (dx < 0 || dy < 0 || dx >= wide || dy >= high || mx >= columns || map >= maps) return null;
    const found = map * high * wide + dy * wide + dx;
    return found < size ? found : null;
  }

  key(event) {
    const { wide, size } = this.plan;
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide, PageDown: this.plan.high * wide, PageUp: -this.plan.high * wide };
    const from = this.chosen ?? 0;
    const next = event.key in moves ? (this.chosen === null ? 0 : from + moves[event.key]) : { Home: 0, End: size - 1, Enter: from }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    if (next >= 0 && next < size) this.pick(next);
  }

  place(i) {
    const found = [];
    for (const n of [...this.stage.shape].reverse()) { found.unshift(i % n); i = Math.floor(i / n); }
    return found;
  }

  pick(i) {
    this.told(this.stage.name, this.place(i));
  }

  mark(place) {
    this.chosen = place === null ? null : place.reduce((at, one, k) => at * this.stage.shape[k] + one, 0);
    this.label();
  }

  label() {
    const { name, shape } = this.stage;
    const chosen = this.chosen === null ? "" : `, neuron ${this.place(this.chosen).join(", ")} chosen`;
    this.canvas.setAttribute("aria-label", `Layer ${name}, ${shape.join(" by ")} neurons${chosen}; arrow keys choose one`);
  }

  /* levels(i) ↦ from 0, silent, to 1; below 0 for negative; 2 for a spike at this moment. */
  draw(levels) {
    const paper = rgb("--paper"), ink = rgb("--ink-1"), minus = rgb("--ink-4"), now = rgb("--ink-2");
    const silent = mixed(paper, rgb("--text"), 0.09);
    const light = mixed(paper, ink, 0.3);
    const shades = Array.from({ length: SHADES + 1 }, (_, k) => mixed(light, ink, k / SHADES));
    const context = this.small.getContext("2d"), made = context.createImageData(this.plan.across, this.plan.down);
    for (let i = 0; i < this.plan.size; i++) {
      const level = levels(i);
      const color = level === 2 ? now : level === 0 ? silent : level < 0 ? mixed(light, minus, Math.min(-level, 1)) : shades[Math.round(Math.min(level, 1) * SHADES)];
      const [x, y] = this.where[i], at = 4 * (y * this.plan.across + x);
      made.data[at] = color[0]; made.data[at + 1] = color[1]; made.data[at + 2] = color[2]; made.data[at + 3] = 255;
    }
    context.putImageData(made, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(this.small, 0, 0, this.width, this.height);
    if (this.chosen === null) return;
    const [x, y] = this.where[this.chosen], { cell } = this.plan, grow = cell < 4 ? 2 : 1;
    for (const [color, line] of [[css(paper), 4], [css(now), 2]]) {
      this.context.strokeStyle = color; this.context.lineWidth = line;
      this.context.strokeRect(x * cell - grow, y * cell - grow, cell + 2 * grow, cell + 2 * grow);
    }
  }
}
