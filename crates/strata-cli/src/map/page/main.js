// The page's life: reads the snapshots, keeps what is shown in one state, and shows it anew when that changes.

const by = (id) => document.getElementById(id);

async function start() {
  const texts = [...document.querySelectorAll("script.snapshot")].map((script) => script.textContent);
  const scheme = window.matchMedia("(prefers-color-scheme: dark)"), theme = scheme.matches ? "dark" : "light";
  // Before anything is shown: a page that turns dark later would flash.
  document.documentElement.dataset.theme = theme;
  const moments = await Promise.all(texts.map((text) => momentOf(JSON.parse(text))));
  findSince(moments);
  const state = {
    moments, number: moments.length - 1, mode: 0, filter: null, chosen: null, hover: null, order: { by: "free", isUp: false },
    theme, groups: placesOf(moments), view: { k: 1, x: 0, y: 0 },
  };
  state.tell = tellerOf(state);
  MODES[4].says = moments.length > 1 ? AGE_SAYS.many : AGE_SAYS.one;
  let view = null, timer = 0;

  const restyle = () => {
    document.documentElement.dataset.theme = state.theme;
    const of = getComputedStyle(document.documentElement), value = (name) => of.getPropertyValue(`--${name}`).trim();
    state.style = Object.fromEntries(["ink", "soft", "line", "tile", "card", "accent"].map((name) => [name, value(name)]));
  };
  const resort = () => {
    state.moment = moments[state.number];
    state.sorted = MODES[state.mode].sort(state.moment, moments);
    state.atlas = null;
  };
  const showChosen = () => by("chosen").replaceChildren(...chosenOf(state));
  const pick = (filter) => {
    state.filter = filter;
    state.atlas = null;
    showSides();
    view.redraw();
  };
  const showSides = () => {
    const focus = document.activeElement?.closest?.("[data-side]")?.id;
    const [inLegend, inTable] = [[...by("legend").querySelectorAll("button")], [...by("pins").querySelectorAll("button")]];
    const place = focus === "legend" ? inLegend.indexOf(document.activeElement) : inTable.indexOf(document.activeElement);
    by("legend").replaceChildren(legendOf(state, pick, () => {
      state.isLegendWhole = true;
      showSides();
    }));
    by("pins").replaceChildren(pinsOf(state, (key) => {
      state.order = { by: key, isUp: state.order.by === key && !state.order.isUp };
      showSides();
    }, pick));
    if (focus && place >= 0) by(focus).querySelectorAll("button")[place]?.focus();
  };
  const show = () => {
    by("says").textContent = MODES[state.mode].says;
    by("fall").replaceChildren(...fallOf(state));
    by("worst").replaceChildren(worstOf(state, (key, index) => {
      const place = state.groups.flatMap((group) => group.places).find((place) => place.key === key);
      view.choose({ place, index }, 64);
    }));
    by("modes").querySelectorAll("button").forEach((button, mode) => {
      button.setAttribute("aria-checked", String(mode === state.mode));
      button.tabIndex = mode === state.mode ? 0 : -1;
    });
    showSides();
    showChosen();
    view?.redraw();
  };
  const setMode = (mode) => {
    state.mode = (mode + MODES.length) % MODES.length;
    if (state.filter?.category !== undefined) state.filter = null;
    resort();
    show();
  };
  const setNumber = (number) => {
    state.number = Math.max(0, Math.min(moments.length - 1, number));
    if (state.filter?.category !== undefined && state.mode !== 0 && state.mode !== 3) state.filter = null;
    resort();
    showTime(state);
    show();
  };
  const setTheme = (theme) => {
    state.theme = theme;
    restyle();
    state.atlas = null;
    show();
  };
  const play = () => {
    clearInterval(timer);
    timer = timer ? 0 : setInterval(() => setNumber((state.number + 1) % moments.length), 700);
    by("play").textContent = timer ? "❚❚" : "▶";
    by("play").setAttribute("aria-label", timer ? "pause" : "play the snapshots");
  };

  restyle();
  resort();
  by("modes").replaceChildren(...MODES.map(({ name }, mode) => element("button", {
    type: "button", role: "radio", title: `key ${mode + 1}`, onclick: () => setMode(mode),
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      setMode(state.mode + step);
      by("modes").querySelectorAll("button")[state.mode].focus();
    },
  }, name)));
  if (moments.length > 1) {
    by("time").hidden = false;
    by("number").max = moments.length - 1;
    by("number").addEventListener("input", (event) => setNumber(Number(event.target.value)));
    by("play").addEventListener("click", play);
  }
  view = viewOf(state, by("map"), showChosen);
  by("in").addEventListener("click", () => view.zoomBy(1.6));
  by("out").addEventListener("click", () => view.zoomBy(1 / 1.6));
  by("fit").addEventListener("click", view.fit);
  by("theme").addEventListener("click", () => setTheme(state.theme === "dark" ? "light" : "dark"));
  scheme.addEventListener("change", (event) => setTheme(event.matches ? "dark" : "light"));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const mode = "12345".indexOf(event.key);
    if (mode >= 0) setMode(mode);
    else if (event.key === "t") setTheme(state.theme === "dark" ? "light" : "dark");
    else if (event.key === "[") setNumber(state.number - 1);
    else if (event.key === "]") setNumber(state.number + 1);
    else if (event.key === "Escape" && state.filter) pick(null);
  });
  showTime(state);
  show();
  document.documentElement.dataset.ready = String(state.moment.count);
}

/// The line beside the slider, and the title.
function showTime({ moments, number }) {
  const { snapshot } = moments[number], taken = new Date(snapshot.taken_ms);
  by("name").replaceChildren(snapshot.name, element("small", {},
    `process ${snapshot.explanation.pid} · ${bytesText(snapshot.explanation.rss_bytes)} resident · ${taken.toISOString().slice(0, 19).replace("T", " ")} UTC`));
  document.title = `${snapshot.name} ${snapshot.explanation.pid}: heap map`;
  if (moments.length === 1) return;
  const since = (snapshot.taken_ms - moments[0].snapshot.taken_ms) / 1000;
  by("number").value = number;
  by("when").textContent = `${number + 1} of ${moments.length} · +${since.toFixed(1)} s`;
  by("spark").replaceChildren(sparkOf(moments, number));
}

/// Shows what is under the pointer, beside it.
function tellerOf(state) {
  const tip = by("tip");
  return (where, x, y) => {
    tip.hidden = !where;
    if (!where) return;
    const { title, address, pairs } = told(state, where);
    tip.replaceChildren(element("b", {}, title ?? ""), element("span", {}, addressText(address)),
      ...pairs.map(([word, says]) => element("span", {}, `${word}: ${says}`)));
    const { clientWidth: width, clientHeight: height } = tip.parentElement;
    tip.style.left = `${x + 18 + tip.offsetWidth > width ? Math.max(4, x - tip.offsetWidth - 14) : x + 18}px`;
    tip.style.top = `${y + 18 + tip.offsetHeight > height ? Math.max(4, y - tip.offsetHeight - 14) : y + 18}px`;
  };
}

start().catch((error) => {
  by("failed").hidden = false;
  by("failed").textContent = typeof DecompressionStream === "undefined"
    ? "This browser is too old to show the map: it needs DecompressionStream (Chromium 103, Firefox 113, Safari 16.4)."
    : `The map cannot be shown: ${error.message}`;
});
