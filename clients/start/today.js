/** Today: events, dead letters, integrity checks, audit; what the signed-on person's posts may see of it. */

import { byId, clock, day, element, show, state } from "./dom.js";
import { eventName, shortType } from "./labels.js";
import { signOnWithPassword } from "./people.js";
import * as session from "./session.js";

const BASE = "/api/operations/maintenance";
const KIND = { ok: "good", late: "warn", stuck: "bad" };

let said = "";
let unfolded = false;
const refused = new Set();

/** Everything of today this person may see; a part that is refused is null and not asked for again. */
export async function loadToday() {
  const { username } = session.person();
  const get = async (path) => {
    const key = `${username} ${session.campus()} ${path}`;
    if (refused.has(key)) return null;
    const answer = await session.call("GET", `${BASE}/${path}`).catch(() => null);
    if (answer?.status === 403) refused.add(key);
    return answer?.ok ? answer.body : null;
  };
  const [events, audit] = await Promise.all(["events", "audit"].map(get));
  const [letters, integrity, modules] = events ? await Promise.all(["dead-letters?limit=20", "integrity", "modules"].map(get)) : [];
  return { events, letters: letters?.items ?? null, integrity: integrity ?? null, modules: modules?.items ?? [], audit };
}

export function showToday(place, seen, look) {
  byId("today-when").textContent = day(Date.now());
  if (!session.person()) return show(place, invitation(seen, "登录后可以看到今天的事件、死信和核对结果。"));
  const { events, letters, integrity, audit } = seen.today ?? {};
  if (!events && !audit) return show(place, invitation(seen, "您的岗位看不到运行情况。"));
  const names = new Map(seen.house.campuses.map((campus) => [campus.code, campus.short_name]));
  return show(place,
    said && element("p", { class: "notice", role: "status" }, said),
    events && integrity && figures(events, integrity),
    letters?.length ? letterBlock(letters, names, look) : null,
    integrity && checkBlock(integrity, look),
    events && eventBlock(events, names),
    audit && auditBlock(audit, names));
}

function invitation(seen, words) {
  const admin = seen.people?.people.find((one) => one.posts.some((post) => post.code === "system_admin"));
  return element("div", { class: "invitation" },
    element("div", { class: "empty" },
      element("p", {}, words),
      element("button", { class: "main", "data-keep": "invited", onclick: () => signOnWithPassword(admin?.username ?? "", seen.people) },
        admin ? `以系统管理员${admin.name}登录` : "以系统管理员登录")),
    element("h3", {}, "五分钟看懂这套系统"),
    element("ol", { class: "guide" },
      guide("看一个完整的门诊上午。", "在仓库目录运行 make demo：两个院区数百名患者挂号、缴费、退号、退费，收费员日结，最后逐笔核对。"),
      guide("看数据如何流动。", "以系统管理员登录，本页显示每类事件、是否有积压或未能处理的事件，以及收支、票号等核对是否相符。"),
      guide("看权限与院区隔离。", "从右侧选一个岗位登录，再到接口参考试用：无权的操作、其他院区的数据，系统都会拒绝并说明该怎么办。")));
}

const guide = (what, how) => element("li", {}, element("strong", {}, what), how);

function figures(events, integrity) {
  const told = events.items.reduce((sum, item) => sum + item.told, 0);
  const wrong = integrity.items.filter((item) => item.failures).length;
  const checks = { passed: ["good", "相符"], failed: ["bad", `${wrong} 项不符`], broken: ["bad", "未能运行"] };
  const [kind, words] = checks[integrity.outcome] ?? ["", integrity.running ? "进行中" : "尚未核对"];
  const figure = (colour, value, label) => element("div", { class: `figure ${colour}` }, element("strong", {}, value), element("span", {}, label));
  return element("div", { class: "figures" },
    figure("", String(told), "今日事件"),
    figure(KIND[events.lag], events.open ? `${events.open} 条` : "无积压",
      events.open ? `待投递，最久 ${events.lag_seconds} 秒` : "事件投递"),
    figure(events.dead_letters ? "bad" : "good", String(events.dead_letters), "死信待处理"),
    figure(kind, words, "收支、票号等核对"));
}

function eventBlock(events, names) {
  if (!events.items.length) return element("p", { class: "empty" }, "今天还没有事件。运行 make demo，可看到一个完整的门诊上午。");
  const rows = new Map();
  for (const item of events.items) {
    const row = rows.get(item.type) ?? { total: 0, open: 0, at: {} };
    row.total += item.told;
    row.open += item.open;
    row.at[item.campus_id] = item.told;
    rows.set(item.type, row);
  }
  const campuses = [...names.keys()];
  const number = (value) => element("td", { class: "number" }, value ? String(value) : "–");
  return element("div", { class: "today-block" },
    element("h3", {}, "事件"),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "今日事件" }, element("table", {},
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "发生了什么"),
        [...campuses.map((code) => names.get(code)), "合计", "待投递"].map((word) => element("th", { class: "number", scope: "col" }, word)))),
      element("tbody", {}, [...rows].sort(patientsFirst).map(([type, row]) =>
        element("tr", {}, element("td", { title: type }, eventName(type)),
          campuses.map((code) => number(row.at[code])), number(row.total), number(row.open)))))));
}

/** What happens to patients before what the offices do, often before seldom. */
function patientsFirst([type, row], [otherType, other]) {
  const rank = (name) => (["organisation", "catalogue", "operations", "platform"].includes(shortType(name).split(".")[0]) ? 1 : 0);
  return rank(type) - rank(otherType) || other.total - row.total;
}

function letterBlock(letters, names, look) {
  return element("div", { class: "today-block" },
    element("h3", {}, state("bad", "死信：接收方多次未能处理的事件")),
    element("p", { class: "faint" }, "先按原因处理（例如补录价格），再重放；重放不会重复记账。"),
    element("table", {},
      element("thead", {}, element("tr", {}, ["事件", "接收功能", "院区", "原因", "时间", ""].map((word) => element("th", { scope: "col" }, word)))),
      element("tbody", {}, letters.map((letter) => element("tr", {},
        element("td", { title: letter.type }, eventName(letter.type)),
        element("td", {}, letter.subscriber),
        element("td", {}, names.get(letter.campus_id) ?? letter.campus_id,
          why(letter, names) && element("span", { class: "faint line" }, why(letter, names))),
        element("td", {}, element("code", {}, letter.reason)),
        element("td", {}, clock(letter.died_at)),
        element("td", { class: "action" }, element("button", {
          class: "small", "data-keep": `replay-${letter.event_id}-${letter.subscriber}`,
          "aria-label": `重放 ${eventName(letter.type)}`, onclick: () => replay(letter, look),
          disabled: Boolean(why(letter, names)), title: why(letter, names),
        }, "重放")))))));
}

/** Why this person cannot replay a letter now; nothing when they can. */
function why(letter, names) {
  if (letter.asked_at && !letter.outcome) return "正在等待重放";
  if (letter.campus_id === session.campus()) return "";
  const campus = names.get(letter.campus_id) ?? letter.campus_id;
  return session.person().campuses.includes(letter.campus_id) ? `请先在右上角切换到${campus}` : `由${campus}信息员处理`;
}

async function replay(letter, look) {
  const path = `${BASE}/dead-letters/${letter.event_id}/${letter.subscriber}/replay`;
  await tell(session.call("POST", path, { reason: "在起始页重放" }), "已安排重放，几秒后自动显示结果。", look);
}

function checkBlock(integrity, look) {
  const wrong = integrity.items.filter((item) => item.failures);
  const right = integrity.items.filter((item) => !item.failures);
  return element("div", { class: "today-block" },
    element("div", { class: "panel-head" },
      element("h3", {}, `核对${integrity.finished_at ? `（${when(integrity.finished_at)}）` : ""}`),
      element("button", { class: "small", "data-keep": "check", disabled: integrity.running, onclick: async () => {
        await tell(session.call("POST", `${BASE}/integrity/runs`), "已安排核对，几秒后自动显示结果。", look);
      } }, integrity.running ? "核对进行中…" : "立即核对")),
    integrity.outcome === "broken" && element("p", { class: "notice bad" }, integrity.detail),
    !integrity.outcome && element("p", { class: "faint" }, "尚未核对过；每天 02:00 自动核对，也可立即核对。"),
    wrong.map((item) => element("div", { class: "check" },
      state("bad", `${item.title}：${item.failures} 处不符`),
      element("p", { class: "todo" }, item.what_to_do),
      item.examples.slice(0, 2).map((row) => element("code", { class: "example" },
        Object.entries(row).map(([name, value]) => `${name}=${value}`).join("  "))))),
    right.length > 0 && element("details", { open: unfolded, ontoggle: (event) => { unfolded = event.target.open; } },
      element("summary", { "data-keep": "checks" }, state("good", `${wrong.length ? "其余" : "全部"} ${right.length} 项相符，点此查看各项`)),
      element("ul", { class: "checks-good" }, right.map((item) => element("li", { class: "check" }, `✓ ${item.title}`)))));
}

const when = (moment) => (day(moment) === day(Date.now()) ? `今天 ${clock(moment)}` : `${day(moment)} ${clock(moment)}`);

function auditBlock(audit, names) {
  return element("div", { class: "today-block" },
    element("h3", {}, "审计"),
    audit.chains.map((chain) => element("p", { class: "check" },
      state(chain.entries === chain.sealed ? "good" : "warn", names.get(chain.campus_id) ?? chain.campus_id),
      `　今日 ${chain.entries} 条，已封存 ${chain.sealed} 条`,
      chain.head_published_at && `，链首发布于 ${clock(chain.head_published_at)}`)),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "今日审计" }, element("table", {},
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "操作"), element("th", { scope: "col" }, "院区"),
        element("th", { class: "number", scope: "col" }, "次数"), element("th", { class: "number", scope: "col" }, "人数"))),
      element("tbody", {}, audit.items.map((item) => element("tr", {},
        element("td", {}, element("code", {}, item.action)),
        element("td", {}, names.get(item.campus_id) ?? item.campus_id),
        element("td", { class: "number" }, String(item.entries)),
        element("td", { class: "number" }, String(item.people))))))));
}

/** Say how an order was received, and look again when the worker has had time to carry it out. */
async function tell(asked, words, look) {
  const answer = await asked.catch(() => ({ ok: false, body: null }));
  said = answer.ok ? words : answer.body?.detail ?? "没有成功，请重试。";
  look();
  setTimeout(look, 3000);
  setTimeout(() => {
    said = "";
    look();
  }, 6500);
}
