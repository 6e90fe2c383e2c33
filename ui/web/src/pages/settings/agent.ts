/** What a browser calls itself, in two words: "Firefox 128, Linux". Nothing for what is no browser we know. */
export function browser(agent: string): string | undefined {
  // Chromium's kin say Chrome and Safari too: the most particular name first.
  const names = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox", "Firefox"], ["HeadlessChrome", "Chromium"], ["Chrome", "Chrome"], ["Version", "Safari"]] as const;
  const found = names.flatMap(([token, name]) => {
    const version = new RegExp(`${token}/(\\d+)`).exec(agent)?.[1];
    return version ? [`${name} ${version}`] : [];
  })[0];
  const systems = [["Windows", "Windows"], ["Android", "Android"], ["iPhone", "iOS"], ["iPad", "iPadOS"], ["Mac OS X", "macOS"], ["Linux", "Linux"]] as const;
  const system = systems.find(([token]) => agent.includes(token))?.[1];
  return found && [found, system].filter(Boolean).join(", ");
}
