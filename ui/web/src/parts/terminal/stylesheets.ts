/**
 * xterm writes its colours into `<style>` elements and `style` attributes, which the server's policy forbids (`style-src
 * 'self'`): the policy is about markup. What a script says over the CSSOM is allowed, so xterm's styles are led there, and the
 * policy stays as it is.
 */

// Rows of text get their true colours by this attribute.
HTMLSpanElement.prototype.setAttribute = function (name, value) {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
};

/** Does something while style elements that `document` makes are style sheets constructed by script. xterm makes all of its own when it is opened. */
export function whileStyledByScript<Made>(document: Document, act: () => Made): Made {
  const create = document.createElement.bind(document) as (tag: string) => HTMLElement;
  document.createElement = ((tag: string) => (tag === "style" ? sheetAsElement(document, create("span")) : create(tag))) as Document["createElement"];
  try {
    return act();
  } finally {
    Reflect.deleteProperty(document, "createElement");
  }
}

/** Looks like a style element to whoever sets its text and takes it away. */
function sheetAsElement(document: Document, element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  element.hidden = true;
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
    Element.prototype.remove.call(element);
  };
  Object.defineProperty(element, "textContent", { set: (text: string) => sheet.replaceSync(text) });
  return element;
}
