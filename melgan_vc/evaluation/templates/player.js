"use strict";
// One place and one pair of hands for all tracks of a recording; one recording plays at a time.
const players = [...document.querySelectorAll(".clip")].map((clip) => {
  const sounds = [...clip.querySelectorAll("audio")];
  const buttons = [...clip.querySelectorAll(".track")];
  const play = clip.querySelector(".play"), seek = clip.querySelector("input"), shown = clip.querySelector("output");
  const pictures = [...clip.querySelectorAll(".mel[data-track] > div")];
  const longest = Number(seek.max);
  let chosen = Math.max(0, buttons.findIndex((one) => one.getAttribute("aria-pressed") === "true"));
  let playing = false, place = 0;

  function draw() {
    seek.value = place;
    shown.value = place.toFixed(1) + " s";
    for (const one of pictures) one.querySelector("i").style.left = (100 * place) / longest + "%";
  }
  function follow() {
    if (!playing) return;
    place = sounds[chosen].currentTime;
    draw();
    requestAnimationFrame(follow);
  }
  function stop() {
    if (playing) place = sounds[chosen].currentTime;
    playing = false;
    sounds[chosen].pause();
    play.textContent = "▶";
    play.setAttribute("aria-label", "play");
    draw();
  }
  async function start() {
    for (const other of players) if (other.clip !== clip) other.stop();
    const sound = sounds[chosen];
    if (place >= (sound.duration || longest) - 0.02) place = 0;
    sound.currentTime = place;
    playing = true;
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "pause");
    try {
      await sound.play();
    } catch (error) {
      if (error.name !== "AbortError") stop();  // another press came before it began
      return;
    }
    requestAnimationFrame(follow);
  }
  function choose(track) {
    if (track < 0 || track >= sounds.length) return;
    const on = playing;
    if (on) stop();
    chosen = track;
    buttons.forEach((one, number) => one.setAttribute("aria-pressed", String(number === track)));
    sounds[track].currentTime = Math.min(place, sounds[track].duration || place);
    if (on) start();
  }
  function move(seconds) {
    place = Math.max(0, Math.min(longest, seconds));
    sounds[chosen].currentTime = place;
    draw();
  }
  play.addEventListener("click", () => (playing ? stop() : start()));
  seek.addEventListener("input", () => move(Number(seek.value)));
  buttons.forEach((one, number) => one.addEventListener("click", () => choose(number)));
  sounds.forEach((one, number) => one.addEventListener("ended", () => {
    if (playing && number === chosen) { stop(); move(0); }
  }));
  for (const one of pictures) one.addEventListener("click", (event) => {
    choose(Number(one.parentElement.dataset.track));
    const box = one.getBoundingClientRect();
    move((longest * (event.clientX - box.left)) / box.width);
  });
  clip.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && event.target === clip) { event.preventDefault(); playing ? stop() : start(); }
    if (/^[1-9]$/.test(event.key)) choose(Number(event.key) - 1);
  });
  return { clip, stop };
});
for (const order of document.querySelectorAll(".order")) order.addEventListener("change", () => {
  const falling = order.value.startsWith("-"), name = order.value.replace(/^-/, ""), group = order.closest(".group");
  const key = (one) => name ? Number(JSON.parse(one.clip.dataset.values)[name] ?? NaN) : Number(one.clip.dataset.place);
  const own = players.filter((one) => group.contains(one.clip));
  const sorted = own.sort((one, other) => (falling ? -1 : 1) * (key(one) - key(other)) || 0);
  for (const one of sorted) one.clip.parentElement.append(one.clip);
});
