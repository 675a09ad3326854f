/** The demonstration's people: whom to sign on as, and the password they begin with. */

import { element, show } from "./dom.js";
import * as session from "./session.js";

let shownCampus = null;
let revealed = false;

/** Only this machine is told; null elsewhere. */
export async function loadPeople() {
  const answer = await fetch("/start/logins.json", { cache: "no-store" }).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

export function showPeople(place, tabs, seen) {
  if (!seen.people) {
    show(tabs);
    show(place, element("p", { class: "empty" },
      seen.house.demo ? "演示账号只在系统所在的机器上显示。" : "这不是演示环境，请使用本人工号登录。"));
    return;
  }
  const codes = seen.house.campuses.map((campus) => campus.code);
  if (!codes.includes(shownCampus)) shownCampus = codes[0] ?? null;
  const redraw = () => showPeople(place, tabs, seen);
  show(tabs, seen.house.campuses.map((campus) => element("button", {
    type: "button", "aria-pressed": String(campus.code === shownCampus), "data-keep": `tab-${campus.code}`,
    onclick: () => { shownCampus = campus.code; redraw(); },
  }, campus.short_name)));
  const here = seen.people.people.filter((one) => one.campus === shownCampus);
  show(place, password(seen.people.password, redraw), here.length ? list(here, seen.people) : element("p", { class: "empty" }, "演示人员载入后显示在这里。"));
}

function password(secret, redraw) {
  return element("div", { class: "password" }, "初始密码",
    element("code", {}, revealed ? secret : "••••••••"),
    element("span", { class: "faint" }, "点“登录”时自动复制"),
    element("button", { class: "small", "data-keep": "reveal", onclick: () => { revealed = !revealed; redraw(); } }, revealed ? "隐藏" : "显示"),
    element("button", { class: "small", "data-keep": "copy", onclick: async (event) => {
      await navigator.clipboard.writeText(secret);
      event.target.textContent = "已复制";
    } }, "复制"));
}

/** One line for each post; who else holds it is in the list behind. */
function list(people, known) {
  const byPost = new Map();
  for (const one of people) {
    const title = one.posts.map((post) => post.title).join("、");
    byPost.set(title, [...(byPost.get(title) ?? []), one]);
  }
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "演示账号列表" }, element("table", {},
    element("thead", {}, element("tr", {}, ["岗位", "姓名", "工号", ""].map((word) => element("th", { scope: "col" }, word)))),
    element("tbody", {}, [...byPost].map(([title, holders]) => row(title, holders, known)))));
}

function row(title, holders, known) {
  const [one] = holders;
  const more = holders.length > 1 ? `，另有 ${holders.length - 1} 人` : "";
  return element("tr", {},
    element("td", {}, title, element("span", { class: "faint" }, more)),
    element("td", {}, one.name),
    element("td", {}, element("code", {}, one.username)),
    element("td", { class: "action" }, element("button", {
      class: "small", "data-keep": `as-${one.username}`, "aria-label": `以${title}${one.name}登录`,
      onclick: () => signOnWithPassword(one.username, known),
    }, "登录")));
}

/** Sign on as one of the demonstration; the password waits in the clipboard for the login page. */
export async function signOnWithPassword(username, people) {
  if (people) await navigator.clipboard.writeText(people.password).catch(() => {});
  return session.signOnAs(username);
}
