// Moving over the map: wheel, drag, two fingers, keys; what lies under the pointer, and what is chosen.

const MOST_CELL = 150;

function viewOf(state, canvas, changed) {
  const context = canvas.getContext("2d");
  let ratio = 1, wanted = false;
  const draw = () => {
    wanted = false;
    paint(state, context, ratio);
  };
  const redraw = () => {
    if (!wanted) requestAnimationFrame(draw);
    wanted = true;
  };
  const fit = () => {
    state.view = { k: 1, x: 0, y: 0 };
    redraw();
  };
  const resize = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    ratio = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    state.layout = layOut(state.groups, width, height);
    state.view = { k: 1, x: 0, y: 0 };
    // At once: a canvas of another size is empty, and would be shown so for a frame.
    draw();
  };
  /// No further out than that all fits, and never beside the map.
  const bound = () => {
    const { view, layout } = state, { clientWidth: width, clientHeight: height } = canvas;
    const least = (length, room) => Math.min(0, room - length * view.k);
    view.x = Math.min(0, Math.max(least(layout.width, width), view.x));
    view.y = Math.min(0, Math.max(least(Math.max(layout.height, height), height), view.y));
  };
  const zoom = (factor, x, y) => {
    const { view, layout } = state, most = Math.max(1, MOST_CELL / layout.cell);
    const k = Math.min(most, Math.max(1, view.k * factor)), change = k / view.k;
    state.view = { k, x: x - (x - view.x) * change, y: y - (y - view.y) * change };
    bound();
    redraw();
  };
  const pan = (x, y) => {
    state.view.x += x;
    state.view.y += y;
    bound();
    redraw();
  };
  const at = (x, y) => cellAt(state.layout, (x - state.view.x) / state.view.k, (y - state.view.y) / state.view.k);
  const onScreen = (where) => {
    const middle = middleOf(state.layout, where);
    return { x: middle.x * state.view.k + state.view.x, y: middle.y * state.view.k + state.view.y };
  };
  /// Makes sure that a cell can be seen, and is as large as `least` at least.
  const show = (where, least = 0) => {
    const { layout } = state, factor = Math.max(1, least / (layout.cell * state.view.k));
    const before = onScreen(where);
    zoom(factor, before.x, before.y);
    const { x, y } = onScreen(where), [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const off = x < 20 || y < 20 || x > width - 20 || y > height - 20;
    if (off || factor > 1) pan(width / 2 - x, height / 2 - y);
  };
  const choose = (where, least) => {
    state.chosen = where;
    if (where) show(where, least);
    changed();
    redraw();
  };

  const pointers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const old = pointers.get(event.pointerId);
    if (!old) return hover(event);
    const others = [...pointers.values()].filter((other) => other.pointerId !== event.pointerId);
    if (others.length === 0) pan(event.offsetX - old.offsetX, event.offsetY - old.offsetY);
    else {
      const length = (one) => Math.hypot(one.offsetX - others[0].offsetX, one.offsetY - others[0].offsetY);
      zoom(length(event) / Math.max(1, length(old)), others[0].offsetX, others[0].offsetY);
    }
    moved += Math.abs(event.offsetX - old.offsetX) + Math.abs(event.offsetY - old.offsetY);
    pointers.set(event.pointerId, event);
    state.tell(null);
  });
  const lift = (event) => {
    pointers.delete(event.pointerId);
    if (event.type === "pointerup" && moved < 5) choose(at(event.offsetX, event.offsetY));
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => {
    state.hover = null;
    state.tell(null);
    redraw();
  });
  const hover = (event) => {
    const found = at(event.offsetX, event.offsetY);
    const isSame = found && state.hover && found.place === state.hover.place && found.index === state.hover.index;
    state.hover = found;
    state.tell(found, event.offsetX, event.offsetY);
    if (!isSame) redraw();
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), event.offsetX, event.offsetY);
    hover(event);
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => zoom(3, event.offsetX, event.offsetY));

  const middle = () => (state.chosen ? onScreen(state.chosen) : { x: canvas.clientWidth / 2, y: canvas.clientHeight / 2 });
  const zoomBy = (factor) => zoom(factor, middle().x, middle().y);
  /// The next cell in a direction.
  const step = (x, y) => {
    const first = state.groups[0] && { place: state.groups[0].places[0], index: 0 };
    if (!state.chosen) return choose(first);
    const from = middleOf(state.layout, state.chosen), { cell } = state.layout;
    for (let steps = 1; steps < 60; steps++) {
      const found = cellAt(state.layout, from.x + x * steps * cell, from.y + y * steps * cell);
      if (found && (found.place !== state.chosen.place || found.index !== state.chosen.index)) return choose(found);
    }
  };
  const keys = {
    ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1),
    "+": () => zoomBy(1.6), "=": () => zoomBy(1.6), "-": () => zoomBy(1 / 1.6), 0: fit, Escape: () => choose(null),
    Enter: () => state.chosen && choose(state.chosen, 64),
  };
  canvas.addEventListener("keydown", (event) => {
    const does = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  });
  new ResizeObserver(resize).observe(canvas);
  resize();
  return { redraw, choose, zoomBy, fit };
}
