/** The start page: looks at the hospital every few seconds and shows it. */

import { byId, element, show, state } from "./dom.js";
import { showModules } from "./modules.js";
import { loadPeople, showPeople } from "./people.js";
import * as session from "./session.js";
import { loadToday, showToday } from "./today.js";

const EVERY = 8000;

const seen = { house: null, people: null, today: null, post: null };

async function look() {
  try {
    const answer = await fetch("/start/state.json", { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    seen.house = await answer.json();
    complain("");
  } catch {
    complain("系统没有应答。请在服务器的仓库目录运行 make up，启动后本页自动恢复。", "bad");
    return;
  }
  seen.today = session.person() ? await loadToday() : null;
  draw();
}

function draw() {
  showHouse(seen.house);
  showSession();
  showToday(byId("today"), seen, look);
  showModules(byId("modules"), byId("modules-count"), seen);
  showPeople(byId("people"), byId("people-campus"), seen);
}

function showHouse(house) {
  const campuses = house.campuses.map((campus, index) =>
    element("article", { class: `card campus ${index ? "branch" : ""}` },
      element("p", { class: "name" }, campus.short_name),
      element("p", { class: "faint" }, `${campus.name}（院区代码 ${campus.code}）`)));
  if (!campuses.length) {
    campuses.push(element("article", { class: "card campus" },
      element("p", { class: "name" }, "尚未开设院区"),
      element("p", { class: "faint" }, "演示数据载入后，两个院区会显示在这里。")));
  }
  const down = house.services.filter((service) => !service.ready);
  show(byId("house"), campuses, element("article", { class: "card" },
    state(down.length ? "bad" : "good", down.length ? `有 ${down.length} 项服务没有应答` : "系统运行正常"),
    element("ul", { class: "services" },
      house.services.map((service) => element("li", {}, state(service.ready ? "good" : "bad", service.name)))),
    down.map((service) => element("p", { class: "faint" }, `${service.name}：${service.way_out}`))));
}

function showSession() {
  const person = session.person();
  if (!person) {
    show(byId("session"), element("button", { class: "main", "data-keep": "sign-on", onclick: () => session.signOn() }, "登录"));
    return;
  }
  const names = new Map(seen.house.campuses.map((campus) => [campus.code, campus.short_name]));
  const options = person.campuses.map((code) =>
    element("option", { value: code, selected: code === session.campus() }, names.get(code) ?? code));
  show(byId("session"),
    element("span", { class: "who" }, element("strong", {}, person.name), titles(person).join("、")),
    element("select", { "aria-label": "当前院区", "data-keep": "campus", disabled: options.length < 2, onchange: (event) => {
      session.actAt(event.target.value);
      look();
    } }, options),
    element("a", { href: session.PASSWORD_PAGE, class: person.passwordDue ? "due" : "" },
      person.passwordDue ? "请先设置新密码" : "修改密码"),
    element("button", { "data-keep": "sign-off", onclick: () => session.signOff() }, "退出"));
}

const titles = (person) => (person.posts[session.campus()] ?? []).map((code) => seen.house.posts[code] ?? code);

function complain(words, kind = "") {
  const place = byId("trouble");
  place.hidden = !words;
  place.className = `notice ${kind}`;
  place.textContent = words;
}

async function start() {
  await look();
  if (!seen.house) {
    setTimeout(start, EVERY);
    return;
  }
  const refused = await session.begin(seen.house.identity).catch(() => "登录服务没有应答，暂时无法登录。");
  seen.people = seen.house.demo ? await loadPeople() : null;
  await look();
  if (refused) complain(refused);
  setInterval(() => { if (!document.hidden) look(); }, EVERY);
}

start();
