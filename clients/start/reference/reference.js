/** The API reference: Swagger UI with the hospital's own sign-on, campus and idempotency key. */

import { byId, element, show } from "/start/dom.js";
import * as session from "/start/session.js";
import { speakChinese } from "/reference/chinese.js";

const OURS = new Set(["X-Campus", "Idempotency-Key"]);

async function start() {
  const house = await (await fetch("/start/state.json", { cache: "no-store" })).json();
  const refused = await session.begin(house.identity).catch(() => "登录服务没有应答，暂时无法登录。");
  if (refused) complain(refused);
  showSession(house);
  const spec = readable(await (await fetch("/openapi.json")).json());
  speakChinese(byId("reference"));
  const ui = globalThis.SwaggerUIBundle({
    spec,
    domNode: byId("reference"),
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    filter: true,
    displayRequestDuration: true,
    oauth2RedirectUrl: `${location.origin}/reference/oauth2-redirect.html`,
    requestInterceptor: prepare,
  });
  ui.initOAuth({ clientId: house.identity.client, scopes: "openid", usePkceWithAuthorizationCodeGrant: true });
}

/** Every call to a function carries the token, the campus, and, for commands, a key of its own. */
async function prepare(request) {
  if (!new URL(request.url, location.href).pathname.startsWith("/api/")) return request;
  const token = await session.accessToken();
  if (token) request.headers.Authorization = `Bearer ${token}`;
  request.headers["X-Campus"] = session.campus() || authorisedCampus(request) || "hq";
  if (request.method !== "GET") request.headers["Idempotency-Key"] = crypto.randomUUID();
  return request;
}

/** The first campus of whoever signed on in Swagger UI's own dialog. */
function authorisedCampus(request) {
  const [, token] = (request.headers.Authorization ?? "").split(" ");
  return token ? session.personOf(token).campuses[0] : "";
}

/** Each call is headed by what it does, and asks for nothing that this page fills in. */
function readable(document) {
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path)) {
      const [line] = (operation.description ?? operation.summary ?? "").split("\n");
      const chinese = line.match(/[（(]([^()（）]*\p{Script=Han}[^()（）]*)[)）]/u);
      operation.summary = chinese ? `${chinese[1]}　${line.replace(chinese[0], "").replace(/\s+([.;,])/, "$1")}` : line;
      operation.parameters = operation.parameters?.filter((parameter) => !(parameter.in === "header" && OURS.has(parameter.name)));
    }
  }
  return document;
}

function showSession(house) {
  const person = session.person();
  if (!person) {
    show(byId("session"), element("button", { class: "main", onclick: () => session.signOn() }, "登录"));
    return;
  }
  const names = new Map(house.campuses.map((campus) => [campus.code, campus.short_name]));
  show(byId("session"),
    element("span", { class: "who" }, element("strong", {}, person.name), (person.posts[session.campus()] ?? []).map((code) => house.posts[code] ?? code).join("、")),
    element("select", { "aria-label": "当前院区", disabled: person.campuses.length < 2, onchange: (event) => {
      session.actAt(event.target.value);
      showSession(house);
    } }, person.campuses.map((code) => element("option", { value: code, selected: code === session.campus() }, names.get(code) ?? code))),
    element("button", { onclick: () => session.signOff() }, "退出"));
}

function complain(words) {
  byId("trouble").hidden = false;
  byId("trouble").textContent = words;
}

start();
