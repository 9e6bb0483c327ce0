/* Inputs: small pictures of the data's samples, and a paper to draw on. */
import { ask, byId, bytes, el } from "./dom.js";

const FINE = 8; // dots of the paper for one pixel of the input

export class Samples {
  constructor(about, choose, trouble) {
    this.about = about; this.choose = choose; this.trouble = trouble;
    this.box = byId("samples"); this.first = 0; this.chosen = 0;
    byId("before").onclick = () => this.page(this.first - about.page);
    byId("after").onclick = () => this.page(this.first + about.page);
    this.box.addEventListener("keydown", (event) => this.key(event));
  }

  async page(first, focus = null) {
    try {
      const found = await ask(`/api/samples?from=${first}`);
      this.first = first;
      this.box.replaceChildren(...found.samples.map((one) => this.option(one)));
      byId("before").disabled = first === 0;
      byId("after").disabled = first + found.samples.length >= this.about.samples;
      byId("data").textContent =
        `${this.about.data}: samples ${first} to ${first + found.samples.length - 1} of ${this.about.samples}`;
      this.mark();
      if (focus !== null) this.pick(focus, true);
    } catch (error) { this.trouble(error); }
  }

  option(one) {
    const made = el("div", { role: "option", className: "sample", tabIndex: -1 });
    made.dataset.number = one.number;
    made.setAttribute("aria-label", `Sample ${one.number}${one.label === "" ? "" : `, ${one.label}`}`);
    if (one.pixels !== undefined) made.append(picture(one));
    else { this.box.classList.add("plain"); made.append(el("span", { className: "soft" }, `#${one.number}`)); }
    if (one.label !== "" || one.pixels !== undefined) made.append(el("span", {}, one.label === "" ? `#${one.number}` : one.label));
    made.onclick = () => this.pick(one.number, true);
    return made;
  }

  pick(number, focus = false) {
    this.chosen = number;
    this.mark(focus);
    this.choose({ sample: number });
  }

  none() { this.chosen = null; this.mark(); }

  mark(focus = false) {
    let tab = false;
    for (const one of this.box.children) {
      const on = Number(one.dataset.number) === this.chosen;
      one.setAttribute("aria-selected", String(on));
      one.tabIndex = on ? 0 : -1;
      tab ||= on;
      if (on && focus) one.focus();
    }
    if (!tab && this.box.firstChild) this.box.firstChild.tabIndex = 0;
  }

  key(event) {
    const at = Number(event.target.dataset?.number);
    if (Number.isNaN(at)) return;
    const here = [...this.box.children], top = here[0].offsetTop;
    const across = here.filter((one) => one.offsetTop === top).length;
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across };
    const next = event.key in moves ? at + moves[event.key] : { Enter: at, Home: this.first, End: this.first + here.length - 1 }[event.key];
    if (next === undefined || next < 0 || next >= this.about.samples) return;
    event.preventDefault();
    if (next < this.first) this.page(Math.max(0, this.first - this.about.page), next);
    else if (next >= this.first + here.length) this.page(this.first + this.about.page, next);
    else this.pick(next, true);
  }
}

function picture(one) {
  const canvas = el("canvas", { width: one.width, height: one.height });
  canvas.setAttribute("aria-hidden", "true");
  const context = canvas.getContext("2d"), made = context.createImageData(one.width, one.height);
  const pixels = bytes(one.pixels);
  for (let i = 0; i < one.width * one.height; i++)
    for (let c = 0; c < 4; c++)
      made.data[4 * i + c] = c === 3 ? 255 : pixels[i * one.channels + (one.channels === 3 ? c : 0)];
  context.putImageData(made, 0, 0);
  return canvas;
}

export class Paper {
  constructor(shape, drawn) {
    [, this.rows, this.columns] = shape;
    this.canvas = byId("paper"); this.drawn = drawn;
    this.canvas.width = this.columns * FINE; this.canvas.height = this.rows * FINE;
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.pen = { x: this.canvas.width / 2, y: this.canvas.height / 2, down: false };
    byId("clear").onclick = () => this.clear();
    this.blank();
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * this.canvas.width, ((event.clientY - box.top) / box.height) * this.canvas.height];
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.last = at(event);
      this.stroke(this.last);
    });
    this.canvas.addEventListener("pointermove", (event) => { if (this.last) this.stroke(at(event)); });
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => { this.last = null; });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const moves = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    if (event.key === "Enter") this.pen.down = !this.pen.down;
    else if (!(event.key in moves)) return;
    event.preventDefault();
    const from = [this.pen.x, this.pen.y], [dx, dy] = moves[event.key] ?? [0, 0];
    this.pen.x = Math.min(Math.max(this.pen.x + dx * FINE, 0), this.canvas.width);
    this.pen.y = Math.min(Math.max(this.pen.y + dy * FINE, 0), this.canvas.height);
    if (this.pen.down) { this.last = from; this.stroke([this.pen.x, this.pen.y]); this.last = null; }
  }

  blank() {
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  clear() {
    this.blank();
    byId("sheet").classList.add("blank");
    this.send();
  }

  stroke(to) {
    const context = this.context;
    Object.assign(context, { strokeStyle: "#fff", lineCap: "round", lineJoin: "round", lineWidth: FINE * Number(byId("brush").value) });
    context.beginPath();
    context.moveTo(...this.last);
    context.lineTo(...to);
    context.stroke();
    this.last = to;
    byId("sheet").classList.remove("blank");
    this.send();
  }

  send() { this.drawn({ drawn: this.pixels() }); }

  /* Ink of every pixel of the input, from 0 to 1. */
  pixels() {
    const dots = this.context.getImageData(0, 0, this.canvas.width, this.canvas.height).data;
    const found = new Array(this.rows * this.columns).fill(0), scale = 1 / (255 * FINE * FINE);
    for (let y = 0; y < this.canvas.height; y++)
      for (let x = 0; x < this.canvas.width; x++)
        found[Math.floor(y / FINE) * this.columns + Math.floor(x / FINE)] += dots[4 * (y * this.canvas.width + x)] * scale;
    return found.map((one) => Math.min(1, Math.round(one * 1e4) / 1e4));
  }
}
