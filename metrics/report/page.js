"use strict";

// Tables: a heading's button sorts by its column, first the way that puts large numbers or early letters on top.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const numeric = heading.classList.contains("num");
      const first = numeric ? "descending" : "ascending";
      const second = numeric ? "ascending" : "descending";
      const order = heading.getAttribute("aria-sort") === first ? second : first;
      headings.forEach((other) => other.setAttribute("aria-sort", other === heading ? order : "none"));
      const sign = order === "ascending" ? 1 : -1;
      const key = ({ cells }) => (numeric ? cells[column].dataset.value : cells[column].textContent.trim());
      const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]).sort(([left], [right]) => {
        if (left === "" || right === "") return (left === "") - (right === ""); // values left out stay at the end
        return sign * (numeric ? left - right : left.localeCompare(right, undefined, { numeric: true }));
      });
      table.tBodies[0].append(...rows.map(([, row]) => row));
    });
  });
}

// The long table: the columns that are chosen, after those that say which pair it is.
for (const select of document.querySelectorAll(".columns")) {
  const table = select.closest("section").querySelector("table");
  const show = () => {
    const metrics = new Set(select.value.split(" ").map(Number));
    for (const { cells } of table.rows) {
      const first = cells.length - Number(select.dataset.count);
      for (let place = first; place < cells.length; place++) cells[place].hidden = !metrics.has(place - first);
    }
  };
  select.addEventListener("change", show);
  show(); // a page that is loaded again keeps its choice
}

// One of many plots or players: the one that is chosen.
for (const choice of document.querySelectorAll(".choice")) {
  const options = [...choice.querySelectorAll(".option")];
  const select = choice.querySelector("select");
  const show = () => {
    options.forEach((option, number) => { option.hidden = number !== Number(select.value); });
    options[select.value].querySelectorAll("video").forEach((video) => { video.preload = "auto"; });
  };
  select.addEventListener("change", show);
  show();
}

// Players: the longest video of a pair is the clock, the others follow it.
for (const player of document.querySelectorAll(".player")) {
  const videos = [...player.querySelectorAll("video")];
  if (videos.length) setUp(player, videos);
}

function setUp(player, videos) {
  const fps = Number(player.dataset.fps);
  const play = player.querySelector("[data-do=play]");
  const slider = player.querySelector("input[type=range]");
  const output = player.querySelector("output");
  const cursor = player.querySelector(".cursor");
  const waiting = new Map(); // where to go next, for a video whose last seek is still under way
  let clock = videos[0];
  let current = 0;
  let playing = false;
  let rate = 1;

  const frames = () => Math.max(1, Math.round(clock.duration * fps) || 1);

  function show(number) {
    current = number;
    slider.max = frames() - 1;
    slider.value = number;
    output.textContent = `${number + 1} / ${frames()}`;
    slider.setAttribute("aria-valuetext", `${number + 1} of ${frames()}`);
    if (cursor) {
      const [left, right] = [Number(cursor.dataset.left), Number(cursor.dataset.right)];
      const share = Math.min(1, number / Math.max(1, Number(player.dataset.frames)));
      cursor.style.left = `${100 * (left + share * (right - left))}%`;
    }
  }

  // One seek at a time: Chromium may stay in the first of two that overlap. What waited is forgotten: its "seeked" may still come.
  function go(video, time) {
    waiting.delete(video);
    if (video.seeking) waiting.set(video, time);
    else if (Math.abs(video.currentTime - time) > 1e-3) video.currentTime = time;
  }

  function seek(number) {
    const target = Math.max(0, Math.min(frames() - 1, number));
    // The middle of a frame's time: a border would show either neighbour. Shorter videos hold their last frame.
    videos.forEach((video) => go(video, Math.min(target + 0.5, Math.round(video.duration * fps) - 0.5) / fps));
    show(target);
  }

  function pause() {
    playing = false;
    videos.forEach((video) => video.pause());
    play.textContent = "Play";
    output.ariaLive = "polite";
  }

  async function start() {
    playing = true;
    play.textContent = "Pause";
    output.ariaLive = "off"; // nobody listens to 25 numbers a second
    seek(current >= frames() - 1 ? 0 : current);
    for (const video of videos) {
      while (video.seeking) await new Promise((done) => video.addEventListener("seeked", done, { once: true }));
    }
    if (!playing) return;
    videos.forEach((video) => video.play().catch(() => {})); // refused, or paused again before it began
    requestAnimationFrame(follow);
  }

  function follow() {
    if (!playing) return;
    show(Math.min(frames() - 1, Math.floor(clock.currentTime * fps + 1e-3))); // also the end, which may come between two looks
    if (clock.ended || player.hidden) return pause();
    for (const video of videos) {
      const late = clock.currentTime - video.currentTime;
      if (video.ended || video.seeking) continue;
      if (Math.abs(late) > 5 / fps) go(video, clock.currentTime);
      else video.playbackRate = rate * (1 + 3 * late); // catches up without a jump, which would cost more
    }
    requestAnimationFrame(follow);
  }

  const toggle = () => (playing ? step(0) : start());
  const step = (count) => { pause(); seek(current + count); };
  const actions = { play: toggle, back: () => step(-1), forward: () => step(1) };

  for (const button of player.querySelectorAll("[data-do]")) {
    button.addEventListener("click", actions[button.dataset.do]);
  }
  slider.addEventListener("input", () => { pause(); seek(Number(slider.value)); });
  player.querySelector(".speed").addEventListener("change", (event) => {
    rate = Number(event.target.value);
    videos.forEach((video) => { video.playbackRate = rate; });
  });

  const listeners = [...player.querySelectorAll(".listen")];
  for (const button of listeners) {
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") === "false";
      listeners.forEach((other) => {
        const heard = on && other === button;
        other.setAttribute("aria-pressed", String(heard));
        other.closest("figure").querySelector("video").muted = !heard;
      });
    });
  }

  player.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select")) return; // they have keys of their own
    if (event.key === "ArrowLeft") actions.back();
    else if (event.key === "ArrowRight") actions.forward();
    else if (event.key === " " && !event.target.matches("button, summary")) toggle();
    else return;
    event.preventDefault();
  });

  for (const video of videos) {
    const meet = () => {
      if (!(clock.duration >= video.duration)) clock = video;
      show(current);
    };
    video.addEventListener("seeked", () => {
      const time = waiting.get(video);
      waiting.delete(video);
      if (time !== undefined) go(video, time);
    });
    if (video.readyState) meet();
    else video.addEventListener("loadedmetadata", meet);
  }
}
