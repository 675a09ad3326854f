/** Swagger UI speaks English only: its own words are replaced as they appear, what the hospital wrote is left alone. */

const WORDS = {
  "Authorize": "授权", "Authorized": "已授权", "Close": "关闭", "Logout": "退出", "Available authorizations": "可用的授权方式",
  "Try it out": "试用", "Cancel": "取消", "Execute": "执行", "Clear": "清除", "Reset": "重置", "Parameters": "参数",
  "No parameters": "没有参数", "Name": "名称", "Description": "说明", "Responses": "应答", "Response": "应答",
  "Server response": "服务器应答", "Code": "状态码", "Details": "详情", "Response body": "应答正文",
  "Response headers": "应答头", "Request URL": "请求地址", "Request body": "请求正文", "Curl": "命令行", "Download": "下载",
  "Example Value": "示例", "Schema": "结构", "Schemas": "数据结构", "Media type": "内容类型", "Links": "链接",
  "No links": "没有链接", "required": "必填", "Send empty value": "发送空值", "Loading": "载入中", "LOADING": "载入中",
  "Expand all": "全部展开", "Collapse all": "全部收起", "Expand operation": "展开", "Edit Value": "编辑",
  "Controls": "", "Accept header.": "", "select all": "全选", "select none": "全不选", "Undocumented": "未在文档中说明",
  "Error: response status is": "出错，状态码", "Scopes:": "范围：", "Flow:": "流程：", "Copied": "已复制",
};
const NOT_OURS = ".renderedMarkdown, pre, code, .opblock-summary-path, .opblock-summary-description, .opblock-tag, textarea";

export function speakChinese(root) {
  const translate = (text) => {
    const words = WORDS[text.data.trim()];
    if (words !== undefined && !text.parentElement?.closest(NOT_OURS)) text.data = text.data.replace(text.data.trim(), words);
  };
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return translate(node);
    const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) translate(texts.currentNode);
    for (const input of node.querySelectorAll?.('input[placeholder^="Filter by"]') ?? []) input.placeholder = "按模块名称或地址筛选";
  };
  walk(root);
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "characterData") translate(change.target);
      else change.addedNodes.forEach(walk);
    }
  }).observe(root, { childList: true, subtree: true, characterData: true });
}
