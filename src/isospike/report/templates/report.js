"use strict";
const charts = JSON.parse(document.getElementById("charts").textContent);
/* A chart is drawn when it comes near: a report opens at once, however many there are. */
const begun = new Map();
function begin(number) {
  if (!begun.has(number))
    begun.set(number, isospike.chart(document.getElementById(`chart-${number}`), charts[number].options[0]));
  return begun.get(number);
}
const near = new IntersectionObserver((seen) => {
  for (const one of seen) if (one.isIntersecting) begin(Number(one.target.id.slice(6)));
}, { rootMargin: "400px" });
document.querySelectorAll(".chart").forEach((element) => near.observe(element));
addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  charts.forEach((_, number) => begin(number));
});
document.querySelectorAll("select[data-of]").forEach((select) => {
  const number = Number(select.dataset.of);
  select.addEventListener("change", () => begin(number).show(charts[number].options[Number(select.value)]));
});
