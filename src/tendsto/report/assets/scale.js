"use strict";
// Numbers to pixels, and numbers to words: what every figure needs, and no figure in particular.
const SVG = "http://www.w3.org/2000/svg";
const ok = Number.isFinite;
const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const short = (v) => {
  if (!ok(v)) return "–";
  const a = Math.abs(v);
  if (a !== 0 && (a < 1e-3 || a >= 1e6)) return v.toExponential(2).replace("e+", "e").replace("-", "−");
  return String(+v.toPrecision(4)).replace("-", "−");
};
const power = (e) =>
  e >= -3 && e <= 4
    ? String(+`1e${e}`)
    : "10" + String(e).replace(/[-0-9]/g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);

function scale(values, log, start, stop, margin) {
  let seen = values.filter((v) => ok(v) && (!log || v > 0));
  if (!seen.length) seen = [1];
  let low = seen.reduce((a, b) => Math.min(a, b)),
    high = seen.reduce((a, b) => Math.max(a, b));
  if (log) {
    low = Math.log10(low);
    high = Math.log10(high);
  }
  const space = high > low ? (high - low) * margin : log ? 0.3 : Math.max(Math.abs(high), 1) / 2;
  low -= space;
  high += space;
  const to = (v) =>
    ok(v) && (!log || v > 0) ? start + (((log ? Math.log10(v) : v) - low) / (high - low)) * (stop - start) : NaN;
  to.ticks = (most) => {
    const found = [];
    if (log && high - low >= 2) {
      const first = Math.ceil(low - 1e-9),
        last = Math.floor(high + 1e-9),
        step = Math.ceil((last - first + 1) / most);
      for (let e = first; e <= last; e += step) found.push([10 ** e, power(e)]);
      return found;
    }
    if (log && high - low > 0.35) {
      for (let e = Math.floor(low); e <= high; e++)
        for (const m of [1, 2, 5]) {
          const v = +`${m}e${e}`,
            at = Math.log10(v);
          if (at >= low - 1e-9 && at <= high + 1e-9) found.push([v, short(v)]);
        }
      return found;
    }
    const from = log ? 10 ** low : low,
      till = log ? 10 ** high : high,
      rough = (till - from) / most;
    const unit = 10 ** Math.floor(Math.log10(rough)),
      step = [1, 2, 2.5, 5, 10].find((m) => m * unit >= rough * 0.999999) * unit;
    for (let i = Math.ceil(from / step - 1e-9); i <= till / step + 1e-9; i++)
      found.push([i * step, short(+(i * step).toPrecision(12))]);
    return found;
  };
  return to;
}

function path(points) {
  let d = "",
    pen = "M";
  for (const [a, b] of points)
    if (ok(a) && ok(b)) {
      d += pen + a.toFixed(1) + " " + b.toFixed(1);
      pen = "L";
    } else pen = "M";
  return d;
}

// Heights near those wanted, `gap` apart; those for which there is no room get none.
function apart(wanted, top, bottom, gap) {
  const order = wanted
    .map((_, i) => i)
    .filter((i) => ok(wanted[i]))
    .sort((a, b) => wanted[a] - wanted[b]);
  const placed = wanted.map(() => NaN);
  let floor = top,
    ceiling = bottom;
  for (const i of order.slice(0, Math.max(1, Math.floor((bottom - top) / gap) + 1))) {
    placed[i] = Math.max(wanted[i], floor);
    floor = placed[i] + gap;
  }
  for (const i of order.reverse())
    if (ok(placed[i])) {
      placed[i] = Math.min(placed[i], ceiling);
      ceiling = placed[i] - gap;
    }
  return placed;
}
