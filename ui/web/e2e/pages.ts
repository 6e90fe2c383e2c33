/** Every page that there is, for what is looked at on all of them: axe, widths, screenshots. A new page adds a line. */
export const PAGES = ["/", "/runs", "/install", "/bundles", "/clusters", "/hosts", "/users", "/tokens", "/sessions", "/trust", "/settings", "/audit", "/about", "/no-such-page"] as const;

/** Before anybody is logged in. */
export const DOORS = ["/login"] as const;

export const fileName = (path: string): string => (path === "/" ? "dashboard" : path.slice(1).replace(/sha256:.*/, "one").replaceAll("/", "-"));
