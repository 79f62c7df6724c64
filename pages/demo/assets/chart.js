/* Draws one Plotly figure; the library comes from this server, never from another host. */
const { palette, source, clickable, plays } = UM_OPTIONS;
const box = element.querySelector(".um-chart");

function library() {
  if (window.Plotly) return Promise.resolve();
  window.umPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = (window.gradio_config?.root ?? "") + source;
    script.onload = resolve;
    script.onerror = () => reject(new Error("the plotting library did not load"));
    document.head.append(script);
  });
  return window.umPlotly;
}

function dark() {
  return document.body.classList.contains("dark");
}

function coloured(text) {
  if (!dark()) return text;
  for (const [light, other] of Object.entries(palette)) text = text.replaceAll(light, other.toUpperCase());
  return text;
}

function play(t_s) {
  const player = document.querySelector(".um-preview audio, .um-preview video");
  if (!player) return;
  player.currentTime = Math.max(0, t_s);
  player.play();
}

let drawn = "";

async function draw() {
  const target = element.querySelector(".um-chart") ?? box;
  if (!props.value) {
    if (window.Plotly && target.data) window.Plotly.purge(target);
    target.style.height = "0";
    drawn = "";
    return;
  }
  const { figure, alt } = JSON.parse(props.value);
  const text = coloured(JSON.stringify(figure));
  if (text === drawn && target.data) return;
  target.setAttribute("aria-label", alt);
  target.style.height = figure.layout.height + "px";
  await library();
  const { data, layout } = JSON.parse(text);
  await window.Plotly.react(target, data, layout, { displayModeBar: false, responsive: true });
  drawn = text;
  target.removeAllListeners?.("plotly_click");
  target.on("plotly_click", (event) => {
    const place = event.points[0]?.customdata;
    if (!Array.isArray(place)) return;
    if (clickable) trigger("seek", { t_s: place[0], track: place[1] });
    if (plays) play(place[0]);
  });
}

watch("value", draw);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
new ResizeObserver(() => {
  if (window.Plotly && box.data && box.offsetWidth) window.Plotly.Plots.resize(box);
}).observe(element);
draw();
