/** Against a server that runs already and has a cluster: `ARMILLA_CLUSTER='https://…|USER|PASSWORD|SITE|HOST|NAMESPACE/POD'`. */
import { expect, test } from "vitest";
import { launch, Person } from "./browser";
import { lookAround } from "./clusters";

const given = process.env.ARMILLA_CLUSTER?.split("|");

test.runIf(given)("a person looks around in a cluster, and types on a host and in a pod", async () => {
  const [url = "", user = "", password = "", site = "", host = "", pod = ""] = given ?? [];
  const browser = await launch();
  try {
    const person = await Person.at(browser, url, "en", "light");
    await person.open("/login");
    await person.page.getByLabel("User").fill(user);
    await person.page.getByLabel("Password").fill(password);
    await person.page.getByRole("button", { name: "Log in" }).click();
    await person.page.getByRole("button", { name: `Account of ${user}` }).waitFor();
    await lookAround(person.page, site, host, pod);
    expect(await person.violations()).toEqual([]);
    expect(person.wrong).toEqual([]);
    await person.close();
  } finally {
    await browser.close();
  }
});
