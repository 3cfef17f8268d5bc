// Figures: each draws itself from the data of the page, follows its switches, and can be read by keyboard.
const page = JSON.parse(document.getElementById("data").textContent);
const style = (i) => [`var(--c${i % page.colours})`, page.dashes[Math.floor(i / page.colours) % page.dashes.length]];

class Figure {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.cursor = null;
    this.plot = root.querySelector(".plot");
    this.live = root.querySelector("[aria-live]");
    // The best eight are shown at first: more can be told apart by nobody.
    this.hidden = new Set(
      data.series.map((_, i) => i).filter((i) => data.series.length > page.colours && i >= page.colours),
    );
    const first = (axes) => axes[0];
    this.state = {
      x: first(data.x).key,
      y: first(data.y).key,
      logx: first(data.x).log,
      logy: first(data.y).log,
      show: "mean",
      over: new Set(["bound"]),
    };
    this.bind();
    this.legend();
    this.draw();
    new ResizeObserver(() => {
      if (this.plot.clientWidth !== this.width) this.draw();
    }).observe(this.plot);
  }
  axis(which) {
    return this.data[which].find((a) => a.key === this.state[which]);
  }
  // On a log axis geometric means are drawn, where there are such.
  curve(s) {
    const c = s.y[this.state.y];
    return this.state.logy && c?.geometric ? { ...c.geometric, runs: c.runs } : c;
  }
  shown() {
    return this.data.series
      .map((s, i) => ({ s, i, x: s.x[this.state.x], c: this.curve(s) }))
      .filter((e) => e.x && e.c && !this.hidden.has(e.i));
  }
  over(e) {
    return Object.entries(e.s.over[this.state.y] || {}).filter(([name]) => this.state.over.has(name.split(":")[0]));
  }

  bind() {
    this.root.querySelectorAll("[data-set]").forEach((input) =>
      input.addEventListener("change", () => {
        const [name, value] = [input.dataset.set, input.value];
        if (name === "over") {
          if (input.checked) this.state.over.add(value);
          else this.state.over.delete(value);
        } else if (name === "logx" || name === "logy") this.state[name] = value === "log";
        else {
          this.state[name] = value;
          if (name !== "show") this.state["log" + name] = this.axis(name).log;
        }
        this.cursor = null;
        this.draw();
      }),
    );
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerdown", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => {
      this.cursor = null;
      this.mark();
    });
    this.plot.addEventListener("blur", () => {
      this.cursor = null;
      this.mark();
    });
    this.plot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10 }[event.key],
        last = this.stops.length - 1;
      if (step) this.cursor = Math.min(last, Math.max(0, (this.cursor ?? (step > 0 ? -1 : last + 1)) + step));
      else if (event.key === "Home") this.cursor = 0;
      else if (event.key === "End") this.cursor = last;
      else if (event.key === "Escape") this.cursor = null;
      else return;
      event.preventDefault();
      this.mark(true);
    });
    this.root.querySelector("[data-do=csv]").addEventListener("click", () => this.save("csv", "text/csv", this.csv()));
    this.root
      .querySelector("[data-do=svg]")
      .addEventListener("click", () => this.save("svg", "image/svg+xml", this.still()));
    const details = this.root.querySelector("details");
    details.addEventListener("toggle", () => {
      if (details.open) this.table();
    });
  }

  legend() {
    const box = this.root.querySelector(".legend");
    box.textContent = "";
    this.data.series.forEach((s, i) => {
      const [colour, dash] = style(i),
        button = document.createElement("button");
      button.type = "button";
      button.title = s.end ? `${s.name}: ${s.end}` : s.name;
      button.setAttribute("aria-pressed", String(!this.hidden.has(i)));
      button.innerHTML = `<svg viewBox="0 0 26 10" aria-hidden="true"><path d="M0 5H26" stroke="${colour}" stroke-width="2.5" stroke-dasharray="${dash}"/></svg><span>${escaped(s.name)}</span>`;
      button.addEventListener("click", () => {
        if (!this.hidden.delete(i)) this.hidden.add(i);
        button.setAttribute("aria-pressed", String(!this.hidden.has(i)));
        this.draw();
      });
      box.append(button);
    });
    if (this.data.series.length > 2)
      for (const [text, none] of [
        ["all", false],
        ["none", true],
      ]) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "all";
        button.textContent = text;
        button.addEventListener("click", () => {
          this.hidden = new Set(none ? this.data.series.keys() : []);
          this.legend();
          this.draw();
          this.root.querySelectorAll(".legend .all")[none ? 1 : 0].focus();
        });
        box.append(button);
      }
  }

  mean() {
    return this.shown().some((e) => this.state.logy && e.s.y[this.state.y].geometric) ? "geometric mean" : "mean";
  }

  // A log axis is offered where no value is negative and some are positive.
  offers(which) {
    const all = which === "x" ? this.shown().flatMap((e) => e.x) : this.shown().flatMap((e) => e.c.y);
    const seen = all.filter(ok);
    return seen.some((v) => v > 0) && !seen.some((v) => v < 0);
  }
  sync() {
    const { data, state } = this;
    for (const which of ["x", "y"]) {
      const offered = this.offers(which);
      if (!offered) state["log" + which] = false;
      this.root.querySelectorAll(`[data-set=log${which}]`).forEach((input) => {
        input.checked = (input.value === "log") === state["log" + which];
        input.disabled = input.value === "log" && !offered;
        input.parentElement.title = input.disabled ? "values at or below 0: a log axis cannot show them" : "";
      });
    }
    const words = [],
      every = state.show === "runs",
      entries = this.shown(),
      mean = this.mean();
    if (every) words.push(`Thin lines are single runs, thick ones their ${mean}s.`);
    else if (data.runs > 1)
      words.push(`Lines are ${mean}s over ${data.runs} seeds, bands 95 % Student intervals of the ${mean}.`);
    else if (data.runs) words.push("One run each, so no bands.");
    if (mean !== "mean") words.push("Tables give arithmetic means.");
    const values = entries.flatMap((e) => [...e.c.y, ...(every ? [] : e.c.low || [])]).filter(ok);
    if (state.logy && !every && values.some((v) => v <= 0))
      words.push("What reaches 0 is cut at the lower edge of a log axis.");
    const over = entries.flatMap((e) => this.over(e).map(([name]) => `${name.replace(": ", " ")} (${e.s.name})`));
    if (over.length) words.push(`Dotted: ${over.join(", ")}.`);
    if (data.series.length > page.colours && entries.length < data.series.length)
      words.push(
        `${entries.length} of ${data.series.length} methods are shown; the legend has the others, the best first.`,
      );
    for (const e of entries) if (e.s.end) words.push(`× ${e.s.name}: ${e.s.end}.`);
    if (this.axis("x").note) words.push(this.axis("x").note);
    this.root.querySelector("[data-words]").textContent = words.join(" ");
    this.plot.setAttribute(
      "aria-label",
      `${data.title}: ${this.axis("y").label} against ${this.axis("x").label}, ${entries.length} of ${data.series.length} methods shown. Arrow keys read values.`,
    );
  }

  draw() {
    this.sync();
    const { state, data } = this,
      entries = this.shown(),
      every = state.show === "runs";
    const W = (this.width = this.plot.clientWidth || 760),
      H = W < 560 ? 320 : 410,
      wide = W >= 700 && entries.length <= page.colours && entries.length > 0;
    // Shortened in the middle: long labels tend to differ at their ends.
    const name = (s) => (s.name.length > 24 ? `${s.name.slice(0, 11)}…${s.name.slice(-12)}` : s.name);
    const right = wide ? 36 + Math.min(180, 7.1 * Math.max(...entries.map((e) => name(e.s).length))) : 14,
      left = 62,
      bottom = H - 46;
    const level = data.levels[state.y],
      x = (this.xs = scale(
        entries.flatMap((e) => e.x),
        state.logx,
        left,
        W - right,
        data.marked ? 0.02 : 0,
      ));
    const tall = entries.flatMap((e) => [
      ...e.c.y,
      ...(every && e.c.runs ? e.c.runs.flat() : []),
      ...this.over(e).flatMap(([, v]) => v),
      ...(this.axis("y").limits || []),
      ...(!every && (!state.logy || e.s.y[state.y].geometric) ? [...(e.c.low || []), ...(e.c.high || [])] : []),
    ]);
    const y = (this.ys = scale(level ? [...tall, level[1]] : tall, state.logy, bottom, 12, 0.04));
    let out = "";
    for (const [v, label] of y.ticks(6))
      out += `<path d="M${left} ${y(v).toFixed(1)}H${W - right}" stroke="var(--grid)"/><text x="${left - 8}" y="${(y(v) + 4).toFixed(1)}" text-anchor="end">${label}</text>`;
    let used = -1e9;
    for (const [v, label] of x.ticks(W < 560 ? 4 : 8)) {
      out += `<path d="M${x(v).toFixed(1)} ${bottom}v5" stroke="var(--line)"/>`;
      if (x(v) - used > 34) {
        out += `<text x="${x(v).toFixed(1)}" y="${bottom + 19}" text-anchor="middle">${label}</text>`;
        used = x(v);
      }
    }
    out += `<path d="M${left} ${bottom}H${W - right}" stroke="var(--line)"/><text x="${(left + W - right) / 2}" y="${H - 8}" text-anchor="middle" style="fill:var(--ink)">${escaped(this.axis("x").label)}${state.logx ? " (log)" : ""}</text>`;
    out += `<text transform="translate(13 ${(bottom + 12) / 2}) rotate(-90)" text-anchor="middle" style="fill:var(--ink)">${escaped(this.axis("y").label)}${state.logy ? " (log)" : ""}</text>`;
    const ends = apart(
      entries.map((e) => y(e.c.y.filter(ok).at(-1))),
      18,
      bottom - 2,
      16,
    );
    const clip = `clip-${data.key}`;
    out += `<clipPath id="${clip}"><rect x="${left - 5}" y="6" width="${W - right - left + 10}" height="${bottom - 4}"/></clipPath>`;
    entries.forEach((e, n) => {
      out +=
        this.series(e, x, y, bottom, clip, every) +
        (wide && ok(ends[n])
          ? `<text x="${W - right + 8}" y="${ends[n] + 4}" style="fill:var(--ink)"><tspan style="fill:${style(e.i)[0]}">● </tspan>${escaped(name(e.s))}</text>`
          : "");
    });
    if (level && ok(y(level[1])))
      out += `<path d="M${left} ${y(level[1]).toFixed(1)}H${W - right}" stroke="var(--soft)" stroke-dasharray="3 3"/><text x="${left + 6}" y="${(y(level[1]) - 5).toFixed(1)}" style="font-size:12px">${escaped(level[0])} ${short(level[1])}</text>`;
    if (!entries.length)
      out += `<text x="${(left + W - right) / 2}" y="${bottom / 2}" text-anchor="middle">No method is shown: choose one below.</text>`;
    this.plot.innerHTML = `<svg xmlns="${SVG}" viewBox="0 0 ${W} ${H}" aria-hidden="true">${out}<g class="mark"></g></svg><div class="readout" hidden></div>`;
    this.height = H;
    this.bottom = bottom;
    this.right = right;
    this.stops = [...new Set(entries.flatMap((e) => e.x).filter((v) => ok(x(v))))].sort((a, b) => a - b);
    if (this.root.querySelector("details").open) this.table();
  }

  series(e, x, y, bottom, clip, every) {
    const [colour, dash] = style(e.i),
      at = e.x.map(x),
      dashed = dash ? ` stroke-dasharray="${dash}"` : "";
    const line = (values) => path(values.map((v, k) => [at[k], y(v)]));
    let out = `<g clip-path="url(#${clip})" data-series="${e.i}">`;
    if (!every && e.c.low) {
      const kept = at
        .map((a, k) => [a, y(e.c.high[k]), ok(e.c.low[k]) ? y(e.c.low[k]) : NaN, e.c.low[k]])
        .filter(([a, h, , low]) => ok(a) && ok(h) && ok(low));
      if (kept.length)
        out += `<path class="band" d="${path(kept.map(([a, h]) => [a, h]))}${path([...kept].reverse().map(([a, , l]) => [a, ok(l) ? l : bottom + 20])).replace("M", "L")}Z" fill="${colour}" fill-opacity=".16"/>`;
    }
    if (every)
      for (const run of e.c.runs || [])
        out += `<path class="run" d="${line(run)}" fill="none" stroke="${colour}" stroke-opacity=".45"/>`;
    for (const [name, values] of this.over(e))
      out += `<path class="over" d="${line(values)}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="0.5 4.5" stroke-linecap="round"><title>${escaped(e.s.name)}, ${escaped(name)}</title></path>`;
    out += `<path class="line" d="${line(e.c.y)}" fill="none" stroke="${colour}" stroke-width="2.2" stroke-linejoin="round"${dashed}/>`;
    if (this.data.marked)
      e.c.y.forEach((v, k) => {
        if (ok(y(v)) && ok(at[k]))
          out += `<circle cx="${at[k].toFixed(1)}" cy="${y(v).toFixed(1)}" r="3.5" fill="${colour}"/>`;
      });
    if (e.s.end) {
      const gone = this.data.marked
        ? e.c.y.map((v, k) => (ok(v) ? -1 : k)).filter((k) => k >= 0)
        : [e.c.y.findLastIndex(ok)];
      for (const k of gone)
        if (ok(at[k])) {
          const h = ok(y(e.c.y[k])) ? y(e.c.y[k]) : 14;
          out += `<path class="lost" d="M${at[k] - 4} ${h - 4}l8 8m0 -8l-8 8" stroke="${colour}" stroke-width="2" fill="none"/>`;
        }
    }
    return out + "</g>";
  }

  point(event) {
    const box = this.plot.getBoundingClientRect(),
      at = ((event.clientX - box.left) / box.width) * this.width;
    this.cursor = this.stops.reduce(
      (best, v, k) => (Math.abs(this.xs(v) - at) < Math.abs(this.xs(this.stops[best]) - at) ? k : best),
      0,
    );
    this.mark();
  }
  // The nearest recorded point of each method at the cursor: what is read out was measured, never interpolated.
  mark(aloud) {
    const group = this.plot.querySelector(".mark"),
      box = this.plot.querySelector(".readout"),
      v = this.stops[this.cursor];
    if (this.cursor === null || v === undefined) {
      group.innerHTML = "";
      box.hidden = true;
      this.live.textContent = "";
      return;
    }
    const rows = this.shown()
      .map((e) => {
        const k = e.x.reduce(
          (best, u, j) =>
            ok(u) && Math.abs(this.xs(u) - this.xs(v)) < Math.abs(this.xs(e.x[best]) - this.xs(v)) ? j : best,
          0,
        );
        return { e, k, y: e.c.y[k], low: e.c.low?.[k], high: e.c.high?.[k] };
      })
      .filter((r) => ok(r.y))
      .sort((a, b) => b.y - a.y);
    const at = this.xs(v);
    group.innerHTML =
      `<path d="M${at} 12V${this.bottom}" stroke="var(--soft)" stroke-opacity=".6"/>` +
      rows
        .filter((r) => ok(this.ys(r.y)) && Math.abs(this.xs(r.e.x[r.k]) - at) < 12)
        .map(
          (r) =>
            `<circle cx="${this.xs(r.e.x[r.k])}" cy="${this.ys(r.y)}" r="4" fill="var(--paper)" stroke="${style(r.e.i)[0]}" stroke-width="2"/>`,
        )
        .join("");
    const told = rows.map((r) => [r.e, `${short(r.y)}${ok(r.low) ? ` [${short(r.low)}, ${short(r.high)}]` : ""}`]),
      head = `${this.axis("x").label} ${short(v)}`;
    box.innerHTML =
      `<b>${escaped(head)}</b>` +
      told
        .slice(0, 10)
        .map(
          ([e, text]) =>
            `<div><span style="color:${style(e.i)[0]}">■</span> ${escaped(e.s.name.slice(0, 28))} <b>${text}</b></div>`,
        )
        .join("") +
      (told.length > 10 ? `<div>and ${told.length - 10} more in the table</div>` : "");
    box.hidden = false;
    box.style.left = `${at > this.width / 2 ? Math.max(0, at - box.offsetWidth - 14) : Math.min(at + 14, Math.max(0, this.width - box.offsetWidth))}px`;
    box.style.top = "16px";
    this.live.textContent = aloud ? `${head}: ${told.map(([e, text]) => `${e.s.name} ${text}`).join("; ")}` : "";
  }

  table() {
    const entries = this.shown(),
      box = this.root.querySelector("details .scroll"),
      cell = (v) => `<td class="n">${v}</td>`;
    const shared = entries.length && entries.every((e) => JSON.stringify(e.x) === JSON.stringify(entries[0].x));
    const value = (c, k) => `${short(c.y[k])}${ok(c.low?.[k]) ? ` [${short(c.low[k])}, ${short(c.high[k])}]` : ""}`;
    const x = escaped(this.axis("x").label);
    if (shared)
      box.innerHTML = `<table><thead><tr><th>${x}</th>${entries.map((e) => `<th>${escaped(e.s.name)}</th>`).join("")}</tr></thead><tbody>${entries[0].x.map((v, k) => `<tr>${cell(short(v))}${entries.map((e) => cell(value(e.c, k))).join("")}</tr>`).join("")}</tbody></table>`;
    else
      box.innerHTML = `<table><thead><tr><th>method</th><th>${x}</th><th>${escaped(this.axis("y").label)}</th></tr></thead><tbody>${entries.flatMap((e) => e.x.map((v, k) => `<tr><th>${escaped(e.s.name)}</th>${cell(short(v))}${cell(value(e.c, k))}</tr>`)).join("")}</tbody></table>`;
  }
  csv() {
    // A leading = + - or @ would be read as a formula by spreadsheets.
    const quoted = (v) =>
      typeof v === "string" ? `"${(/^[=+\-@]/.test(v) ? "'" + v : v).replaceAll('"', '""')}"` : (v ?? "");
    const over = [...new Set(this.shown().flatMap((e) => this.over(e).map(([name]) => name)))];
    const lines = this.shown().flatMap((e) => {
      const o = Object.fromEntries(this.over(e));
      return e.x.map((v, k) => [
        e.s.name,
        v,
        e.c.y[k],
        e.c.low?.[k],
        e.c.high?.[k],
        ...over.map((name) => o[name]?.[k]),
      ]);
    });
    return (
      [
        [
          "method",
          this.axis("x").label,
          `${this.axis("y").label}${this.data.runs > 1 ? ` (${this.mean()})` : ""}`,
          "low",
          "high",
          ...over,
        ],
        ...lines,
      ]
        .map((row) => row.map(quoted).join(","))
        .join("\n") + "\n"
    );
  }
  still() {
    const svg = this.plot.querySelector("svg").cloneNode(true),
      root = getComputedStyle(document.documentElement);
    svg.querySelector(".mark").remove();
    svg.removeAttribute("aria-hidden");
    svg.setAttribute("width", this.width);
    svg.setAttribute("height", this.height);
    svg.insertAdjacentHTML(
      "afterbegin",
      `<style>text{font:13px system-ui,sans-serif;fill:var(--soft)}</style><rect width="${this.width}" height="${this.height}" fill="var(--paper)"/>`,
    );
    return svg.outerHTML.replace(/var\((--\w+)\)/g, (_, name) => root.getPropertyValue(name).trim());
  }
  save(ending, type, text) {
    const link = document.createElement("a"),
      url = URL.createObjectURL(new Blob([text], { type }));
    link.href = url;
    link.download = `${page.name}-${this.data.key}-${this.state.y}.${ending}`.replace(/[^\w.-]+/g, "-");
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}

document.querySelectorAll("figure[data-figure]").forEach((root) => {
  root.figure = new Figure(root, page.figures[root.dataset.figure]);
});
const themes = { "": "System", light: "Light", dark: "Dark" },
  button = document.getElementById("theme");
button.addEventListener("click", () => {
  const names = Object.keys(themes),
    now = document.documentElement.dataset.theme || "",
    next = names[(names.indexOf(now) + 1) % names.length];
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  button.textContent = `Theme: ${themes[next]}`;
});
