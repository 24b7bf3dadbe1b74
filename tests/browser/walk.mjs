// Walks the viewer in a real browser: pipeline -> stage -> record -> label, at two widths, light
// and dark, looks at the report, and proves that model text stays text and nothing leaves the
// machine. Usage: node walk.mjs URL OUT HOSTILE_ID REPORT SITE_INDEX
import { chromium } from "playwright-core";
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [url, out, hostile, report, site] = process.argv.slice(2);
mkdirSync(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // A browser of its own that asks nobody for anything; the profile is fresh each time.
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
  ],
});
const own = new URL(url).origin;

async function open(width, height, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("dialog", (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    if (![own, "file:", "data:"].some((start) => request.url().startsWith(start))) faults.push(`a request to ${request.url()}`);
  });
  return { page, faults };
}

// Nothing may stick out of the page on either side.
async function fits(page, what) {
  const [wide, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= view, `${what} is ${wide} wide in a window of ${view}`);
}

async function shot(page, name) {
  await page.screenshot({ path: `${out}/${name}.png`, fullPage: true });
}

async function walk(width, height, scheme) {
  const { page, faults } = await open(width, height, scheme);
  const name = (what) => `${what}-${width}-${scheme}`;
  await page.goto(url);
  await page.waitForSelector("svg.dag a.node");
  await fits(page, "the pipeline");
  await shot(page, name("pipeline"));
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  console.log(`${name("first paint")}: ${paint?.toFixed(0)} ms`);

  // The keys are told by a button that is always there, and by `?`.
  assert.ok(await page.isVisible("#help"), "the help can be seen");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog#keys[open]");
  await page.screenshot({ path: `${out}/${name("keys")}.png` });
  await page.keyboard.press("Escape");

  await page.click('svg.dag a.node:has-text("judged")');
  await page.waitForSelector("table.reasons");
  assert.match(await page.textContent("h1"), /judged/);
  await fits(page, "the stage");
  await shot(page, name("stage"));

  // A reason is a link to its records; the filter is in the address.
  await page.click('table.reasons a:has-text("unsatisfied")');
  await page.waitForURL(/port=unsatisfied/);
  await page.waitForSelector("ul.rows li");

  // By keys: down to the second row, open it, agree with the judge.
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".talk .turn");
  await page.waitForFunction(() => [...document.images].every((i) => i.loading === "lazy" || i.complete));
  await fits(page, "the record");
  await shot(page, name("record"));
  const broken = await page.evaluate(() => {
    document.querySelectorAll("details").forEach((d) => { d.open = true; });
    // The lightbox holds no picture until one is opened.
    const shown = [...document.images].filter((i) => i.hasAttribute("src"));
    return shown.filter((i) => i.complete && !i.naturalWidth).map((i) => i.src);
  });
  assert.deepEqual(broken, [], "pictures that do not show");
  await shot(page, name("record-open"));
  // No caption of a small picture lies over its neighbour.
  const over = await page.evaluate(() => {
    const captions = [...document.querySelectorAll(".pictures.small figcaption")];
    const boxes = captions.map((caption) => {
      const range = document.createRange();
      range.selectNodeContents(caption);
      return [...range.getClientRects()].filter((box) => box.width > 0);
    });
    const cross = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    const others = (at) => boxes.flatMap((list, n) => (n === at ? [] : list));
    return captions.filter((_, at) => boxes[at].some((box) => others(at).some((other) => cross(box, other)))).map((c) => c.textContent);
  });
  assert.deepEqual(over, [], "captions lie over each other");
  // A label is written only where its form is in sight: a first press shows it.
  await page.evaluate(() => scrollTo(0, 0));
  await page.keyboard.press("a");
  await page.waitForTimeout(150);
  await page.keyboard.press("a");
  await page.waitForSelector('form.label button.on[value="yes"]');
  await page.fill('.step.marked form.label input[name="note"]', "seen by the walk");
  await page.click('.step.marked form.label button[value="no"]');
  await page.waitForSelector('form.label button.on[value="no"]');
  assert.equal(await page.inputValue('.step.marked form.label input[name="note"]'), "seen by the walk");

  // On to the next record of the list, up to the list, and a search.
  const before = page.url();
  await page.keyboard.press("n");
  await page.waitForURL((now) => String(now) !== before);
  await page.keyboard.press("u");
  await page.waitForSelector("ul.rows");
  await page.goto(`${url}search`);
  await page.keyboard.press("/");
  await page.keyboard.type("blue clocks");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=blue/);
  await fits(page, "the search");
  await shot(page, name("search"));

  // Markup, script and control characters of prompt and judgement stay text.
  await page.goto(`${url}record/${hostile}`);
  await page.waitForSelector(".talk .turn");
  await page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
  await shot(page, name("hostile"));
  await fits(page, "the hostile record");
  assert.match(await page.title(), /^Record /);
  assert.ok((await page.textContent(".talk")).includes("<script>document.title='owned'</script>"));
  assert.equal(await page.locator("main script, main img[src='x']").count(), 0);
  assert.ok(await page.locator(".hidden-char").count() > 0, "control characters are shown");

  // Two runs beside each other: the filter, a record, its pictures in turn, and on by key.
  await page.goto(`${url}compare`);
  await fits(page, "the comparison");
  await shot(page, name("compare"));
  await page.selectOption('select[name="what"]', "changed");
  await page.waitForURL(/what=changed/);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".pictures.two figure");
  await page.waitForFunction(() => [...document.images].every((i) => i.loading === "lazy" || i.complete));
  await fits(page, "a record in both runs");
  await shot(page, name("versus"));
  await page.click(".pictures.two figure a");
  await page.waitForSelector("dialog#light[open]");
  await page.keyboard.press("f");
  await page.keyboard.press("Escape");
  const at = page.url();
  await page.keyboard.press("n");
  await page.waitForURL((now) => String(now) !== at);
  await page.goto(`${url}compare?what=changed&view=grid`);
  await fits(page, "the comparison with pictures");
  await shot(page, name("compare-grid"));

  // A filtered set becomes a queue, which tells no verdict.
  await page.goto(`${url}stage/judged?view=grid`);
  await shot(page, name("grid"));
  await page.click('.views a:has-text("label this set")');
  await page.waitForSelector("form.label.work");
  assert.equal(await page.locator("main .word").count(), 0, "a verdict is told");
  await fits(page, "the queue");
  await shot(page, name("queue"));

  // What is not there is said on a page that leads back.
  assert.equal((await page.goto(`${url}stage/nowhere`)).status(), 404);
  await shot(page, name("nowhere"));
  await page.click("a#up");
  await page.waitForSelector("svg.dag");
  // The browser says of its own that a page was not found.
  const complaints = faults.filter((fault) => !fault.includes("404"));
  assert.deepEqual(complaints, [], "the browser complained");

  const sent = await open(width, height, scheme);
  await sent.page.goto(pathToFileURL(report).href);
  await fits(sent.page, "the report");
  await shot(sent.page, name("report"));
  assert.equal(await sent.page.locator("script").count(), 0);
  assert.deepEqual(sent.faults, [], "the browser complained of the report");
  await sent.page.goto(pathToFileURL(site).href);
  await fits(sent.page, "the published audit");
  await shot(sent.page, name("site"));
  await sent.page.click("ul.rows.grid a");
  await sent.page.waitForSelector(".talk .turn");
  await fits(sent.page, "a published trajectory");
  await shot(sent.page, name("trajectory"));
  const blank = await sent.page.evaluate(() => [...document.images].filter((i) => i.complete && !i.naturalWidth).length);
  assert.equal(blank, 0, "pictures that do not show");
  assert.equal(await sent.page.locator("script").count(), 0);
  await sent.page.click('a:has-text("the audit")');
  await sent.page.waitForSelector("ul.rows.grid");
  assert.deepEqual(sent.faults, [], "the browser complained of the published audit");
  await sent.page.context().close();
  await page.context().close();
}

await walk(1280, 900, "light");
await walk(390, 844, "dark");
await walk(1280, 900, "dark");
await walk(390, 844, "light");
await browser.close();
console.log("walked");
