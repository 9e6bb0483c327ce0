/* Elements, numbers and requests. Text only ever goes in as text. */

export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name in made && name !== "role") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((one) => one !== null && one !== undefined));
  return made;
}

export const byId = (id) => document.getElementById(id);

/* A number with so many digits that matter, with a true minus. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(2) : String(Number(value.toPrecision(digits)));
  return text.replace(/-/g, "−");
}

/* The same in a column: always so many places. */
export const fixed = (value, places = 3) => value.toFixed(places).replace("-", "−");

export const whole = (value) => Math.round(value).toLocaleString("en-GB");

export class Refused extends Error {
  constructor(lines) {
    super([lines.what, lines.supported, lines.remedy].filter(Boolean).join(" "));
    this.lines = lines;
  }
}

export async function ask(path, sent) {
  const options = sent === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent) };
  const answer = await fetch(path, options);
  const found = await answer.json().catch(() => ({ what: `The server answered ${answer.status}.` }));
  if (!answer.ok) throw new Refused(found);
  return found;
}

/* Run `work` for the latest of what was asked, never twice at once. */
export function latest(work) {
  let waiting = null, running = false;
  return async (value) => {
    waiting = { value };
    if (running) return;
    running = true;
    try {
      while (waiting !== null) {
        const { value: next } = waiting;
        waiting = null;
        await work(next);
      }
    } finally {
      running = false;
    }
  };
}

export function bytes(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

export function rgb(name) {
  const hex = isospike.look(name).replace("#", "");
  const full = hex.length === 3 ? [...hex].map((c) => c + c).join("") : hex;
  return [0, 2, 4].map((i) => parseInt(full.slice(i, i + 2), 16));
}

export const mixed = (a, b, share) => a.map((one, i) => Math.round(one + (b[i] - one) * share));

export const css = (color) => `rgb(${color.join(",")})`;

/* A canvas of so many CSS pixels, sharp on any screen; returns its context. */
export function sized(canvas, width, height) {
  const dots = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * dots);
  canvas.height = Math.round(height * dots);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(dots, 0, 0, dots, 0, 0);
  return context;
}
