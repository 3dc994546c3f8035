// Charts by uPlot: a test over commits, a device's noise, the pairs of one comparison. Zoom by drag, button or key.
"use strict";
(() => {
  const percent = (ratio) => ratio == null ? "" : `${ratio >= 0 ? "+" : ""}${(100 * ratio).toFixed(Math.abs(ratio) < 0.01 ? 2 : 1)} %`;
  const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const shade = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const make = (tag, text, parent) => {
    const made = document.createElement(tag);
    if (text != null) made.textContent = text;
    parent?.append(made);
    return made;
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const prefixes = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]];
  const scale = (values, unit) => {
    const largest = Math.max(...values.filter((value) => value != null));
    if (unit === "ratio") return [1, "turns"];
    if (unit === "%" || unit === "°C") return [1, unit];
    const [factor, prefix] = prefixes.find(([factor]) => largest >= factor) || prefixes[6];
    return [factor, unit === "s" ? `${prefix}s` : `${prefix} ${unit}`.trim()];
  };

  // What each kind shows: { names, series: [[label, values, {points|line}]], marks: [[index, word]], unit, told(index) }
  const kinds = {
    history(found, place) {
      const [factor, unit] = scale(found.points.map((p) => p.level), found.unit);
      const values = found.points.map((p) => p.level / factor);
      const levels = values.map(() => null);
      for (const [start, end, level] of found.levels) for (let i = start; i < end; i++) levels[i] = level / factor;
      const marks = found.changes.map((c) => [c.index, percent(c.size)]);
      for (const [index, point] of found.points.entries()) if (point.because) marks.push([index, "new conditions"]);
      return {
        unit, marks, names: found.points.map((p) => p.name), values,
        series: [["level", values, "points"], ["level of its stretch", levels, "line"]],
        summary: `${many(found.points.length, "commit")}, ${many(found.changes.length, "change")} of level`
          + (found.creep ? `, ${found.creep}` : ""),
        table: found.changes.map((c) => [c.words, c.index]),
        told: (index, out) => tellPoint(found, index, out, `${values[index].toPrecision(4)} ${unit}`, place),
      };
    },
    noise: (found) => ofRuns(found, "%", 100), temperature: (found) => ofRuns(found, "°C", 1),
    pairs(found) {
      const values = found.differences.map((d) => 100 * Math.expm1(d));
      const flat = (value) => value == null ? [] : [values.map(() => 100 * value)];
      return {
        unit: "%", marks: [], values, names: values.map((_, i) => `pair ${i + 1}`),
        series: [["slower by", values, "points"], ...flat(found.effect).map((v) => ["estimate", v, "line"]),
          ...[found.low, found.high].flatMap(flat).map((v) => ["end of the interval", v, "dashes"])],
        summary: `${values.length} launch pairs in measuring order, slower by, in %; the line is the estimate, the dashes its interval`,
        told: (index, out) => make("span", `Pair ${index + 1}: ${values[index].toFixed(2)} %`
          + (found.conditions?.[index] ? `; ${found.conditions[index]}` : ""), out),
      };
    },
  };
  const ofRuns = (found, unit, factor) => {
    const values = found.map((run) => factor * run.value);
    return {
      unit, values, marks: [], names: found.map((run) => run.name), series: [["", values, "points"]],
      summary: `${many(found.length, "run")}, the last ${values.at(-1)?.toPrecision(3)} ${unit}`,
      told(index, out) {
        make("span", `${values[index].toPrecision(3)} ${unit} in the run of `, out);
        make("a", found[index].name, out).href = found[index].href;
      },
    };
  };

  const tellPoint = (found, index, out, level, place) => {
    const point = found.points[index];
    const link = (text, href) => { if (href) { const a = make("a", text, out); a.href = href; } else make("code", text, out); };
    make("span", `${index + 1}: `, out);
    link(point.name, point.link);
    make("span", ` of ${point.at.slice(0, 10)}, ${level}`, out);
    if (point.effect != null) make("span", `; ${percent(point.effect)} (${percent(point.low)} to ${percent(point.high)}) against its baseline: ${point.answer}`, out);
    if (point.because) make("span", `; a new history begins: ${point.because}`, out);
    if (point.run) { make("span", " · ", out); link("its run", point.run); }
    const address = place.dataset.commits;
    const before = found.points[index - 1];
    if (!address || !point.commit || !before?.commit) return;
    const button = make("button", "Commits behind it", out);
    button.type = "button";
    button.onclick = async () => {
      const answer = await fetch(`${address}?after=${before.commit}&until=${point.commit}`);
      const list = make("ul");
      for (const one of answer.ok ? await answer.json() : [{ name: "", subject: "the server's repository does not know them" }]) {
        const item = make("li", null, list);
        if (one.link) { const a = make("a", one.name, item); a.href = one.link; } else make("code", one.name, item);
        make("span", ` ${one.subject}`, item);
      }
      button.replaceWith(list);
    };
  };

  const draw = (place, found) => {
    const shown = kinds[place.dataset.chart](found, place);
    const count = shown.values.length;
    place.textContent = "";
    const tools = make("div", null, place);
    tools.className = "tools";
    make("p", shown.summary, tools).className = "quiet";
    const plotted = make("div", null, place);
    plotted.className = "plot";
    plotted.tabIndex = 0;
    plotted.setAttribute("role", "group");
    plotted.setAttribute("aria-label", `${place.dataset.label}: ${shown.summary}. Left and right arrow keys read the points, plus and minus zoom, 0 shows all.`);
    const told = make("div", null, place);
    told.className = "told quiet";
    told.setAttribute("aria-live", "polite");
    let at = -1;
    const tell = (index) => {
      at = Math.max(0, Math.min(count - 1, index));
      told.textContent = "";
      shown.told(at, told);
    };
    const stroke = { points: "--points", line: "--levels", dashes: "--levels" };
    const options = () => ({
      width: place.clientWidth, height: 260, legend: { show: false },
      scales: { x: { time: false, range: (u, low, high) => [low - 0.5, high + 0.5] }, y: { range: (u, low, high) => {
        const most = shown.unit === "%" ? 0 : 0.015 * high;  // noise of a fraction of a per cent is not to fill the chart
        const margin = Math.max(0.08 * (high - low), most, 1e-9);
        return [low - margin, high + margin];
      } } },
      cursor: { drag: { x: true, y: false }, points: { size: 9 } },
      axes: [
        { stroke: shade("--quiet"), grid: { stroke: shade("--line"), width: 0.5 }, ticks: { stroke: shade("--line") }, space: 90,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
          values: (u, splits) => splits.map((i) => Number.isInteger(i) ? shown.names[i] ?? "" : "") },
        { stroke: shade("--quiet"), grid: { stroke: shade("--line"), width: 0.5 }, ticks: { stroke: shade("--line") }, size: 70, label: shown.unit, labelSize: 18 },
      ],
      series: [{}, ...shown.series.map(([label, , kind]) => ({
        label, stroke: shade(stroke[kind]), width: kind === "points" ? 0 : 2, dash: kind === "dashes" ? [6, 4] : undefined,
        paths: kind === "points" ? () => null : uPlot.paths.stepped({ align: 1 }),
        points: { show: kind === "points", size: count > 400 ? 4 : 6, fill: shade("--points"), stroke: shade("--points") },
      }))],
      hooks: { draw: [(u) => {
        const ctx = u.ctx;
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = shade("--quiet");
        ctx.setLineDash([4, 4]);
        ctx.textAlign = "left";
        ctx.font = `${12 * devicePixelRatio}px sans-serif`;
        for (const [index, word] of shown.marks) {
          const x = u.valToPos(index - 0.5, "x", true);
          if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
          ctx.beginPath(); ctx.moveTo(x, u.bbox.top); ctx.lineTo(x, u.bbox.top + u.bbox.height); ctx.stroke();
          ctx.fillText(word, x + 4, u.bbox.top + 12 * devicePixelRatio);
        }
        ctx.restore();
      }] },
    });
    const data = [shown.values.map((_, i) => i), ...shown.series.map(([, values]) => values)];
    let plot = null;
    const build = () => { plot?.destroy(); plot = new uPlot(options(), data, plotted); };
    build();
    new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 260 })).observe(place);
    dark.addEventListener("change", build);
    const zoom = (by) => {
      const { min, max } = plot.scales.x;
      const middle = at >= 0 ? at : (min + max) / 2;
      const half = Math.max(2, (max - min) * by / 2);
      plot.setScale("x", { min: Math.max(0, middle - half), max: Math.min(count - 1, middle + half) });
    };
    const all = () => plot.setScale("x", { min: 0, max: count - 1 });
    for (const [name, act] of [["Zoom in", () => zoom(0.5)], ["Zoom out", () => zoom(2)], ["All", all]]) {
      const button = make("button", name, tools);
      button.type = "button";
      button.onclick = act;
    }
    plotted.addEventListener("click", () => { if (plot.cursor.idx != null) tell(plot.cursor.idx); });
    plotted.addEventListener("keydown", (event) => {
      const acts = { ArrowLeft: () => tell(at < 0 ? count - 1 : at - 1), ArrowRight: () => tell(at + 1), Home: () => tell(0), End: () => tell(count - 1),
        "+": () => zoom(0.5), "-": () => zoom(2), 0: all };
      const act = acts[event.key];
      if (!act) return;
      event.preventDefault();
      act();
      if (at >= 0) plot.setCursor({ left: plot.valToPos(at, "x"), top: 10 });
    });
    if (shown.table?.length) {
      const list = make("ul", null, place);
      for (const [words, index] of shown.table) {
        const button = make("button", "Show", make("li", `${words} `, list));
        button.type = "button";
        button.setAttribute("aria-label", `Show the change at ${shown.names[index]}`);
        button.onclick = () => { tell(index); zoom(Math.min(1, 60 / count)); };
      }
    }
  };

  const begin = async (place) => {
    try {
      let found;
      if (place.dataset.values) found = JSON.parse(place.dataset.values);
      else {
        const answer = await fetch(place.dataset.source);
        if (!answer.ok) throw new Error(await answer.text());
        found = await answer.json();
      }
      if (place.dataset.chart === "history" && !found.points.length) place.textContent = "No commit of it has a level yet.";
      else draw(place, found);
      place.dataset.drawn = "true";
    } catch (error) {
      place.textContent = `The chart cannot be drawn: ${error.message}`;
    }
  };
  // what is far below is drawn when it comes near
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); begin(entry.target); }
  }, { rootMargin: "600px" });
  for (const place of document.querySelectorAll("[data-chart]")) near.observe(place);
})();
