"""Drives Chromium without a screen, by its DevTools protocol over a pair of pipes. It needs the standard library only.

The protocol: https://chromedevtools.github.io/devtools-protocol/. Messages are JSON, and end with a byte 0.
"""
import base64
import json
import os
import select
import subprocess
import tempfile
import time

START = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND"]
KEYS = {"Enter": (13, "\r"), "ArrowRight": (39, ""), "ArrowDown": (40, ""), "Tab": (9, ""), "n": (78, "n")}


class BrowserError(Exception):
    """Raised if Chromium answers with an error, or not at all."""


class Browser:
    """One tab of a browser. Use it as a context, which ends the browser."""

    def __init__(self, patience=120):
        self.patience = patience
        self.profile = tempfile.TemporaryDirectory(prefix="gatecrash-browser-")
        to_browser, self.to = os.pipe()
        self.out, from_browser = os.pipe()

        def connect():  # Chromium reads its descriptor 3, and writes 4
            ours = os.dup(from_browser)
            os.dup2(to_browser, 3)
            os.dup2(ours, 4)
            os.set_inheritable(3, True)  # dup2() does nothing if it was 3 already

        self.process = subprocess.Popen([*START, f"--user-data-dir={self.profile.name}", "about:blank"],
                                        preexec_fn=connect, close_fds=False, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.number = 0
        self.buffer = b""
        self.events = []
        self.session = None
        pages = [each for each in self.send("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        self.session = self.send("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Only a browser that ends by itself first ends the processes that still write to its profile.
        try:
            self.send("Browser.close")
            self.process.wait(self.patience)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.out)
        self.profile.cleanup()

    def receive(self):
        """Returns the next message."""
        end = time.monotonic() + self.patience
        while b"\0" not in self.buffer:
            if not select.select([self.out], [], [], max(0, end - time.monotonic()))[0]:
                raise BrowserError("Chromium does not answer")
            piece = os.read(self.out, 1 << 20)
            if not piece:
                raise BrowserError("Chromium ended")
            self.buffer += piece
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def send(self, method, **parameters):
        """Calls a method of the protocol, and returns its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event):
        """Waits for an event that comes after the calls so far."""
        while not any(each.get("method") == event for each in self.events):
            self.events.append(self.receive())

    def open(self, path, width=1280, height=900, is_dark=False):
        """Loads a file, and returns when its scripts have run and the page is drawn."""
        self.events = []
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.send("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}])
        self.send("Page.navigate", url="about:blank")
        self.wait_for("Page.loadEventFired")
        self.events = []
        self.send("Page.navigate", url=f"file://{path}")
        self.wait_for("Page.loadEventFired")
        # Waits for two frames, since maps are drawn when the page has its layout.
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run(self, script):
        """Returns the value of a JavaScript expression."""
        result = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise BrowserError(result["exceptionDetails"]["exception"]["description"])
        return result["result"].get("value")

    def press(self, key):
        """Presses and releases a key."""
        code, text = KEYS[key]
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                      text=text if kind == "keyDown" else "")

    def click(self, selector):
        """Clicks into the middle of the first element that matches."""
        x, y = self.run(f"""(async () => {{ const found = document.querySelector({json.dumps(selector)});
            found.scrollIntoView({{block: 'center'}});
            for (let i = 0; i < 2; ++i) await new Promise(requestAnimationFrame);  // until it is painted there
            const box = found.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2]; }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def complaints(self):
        """Returns errors of the page since it was loaded, and requests that it made besides its own."""
        self.run("1")
        found = []
        for event in self.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(parameters["exceptionDetails"].get("exception", {}).get("description", "an exception"))
            if method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
                found.append(parameters["entry"]["text"])
            if method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
                found.append(str(parameters["args"]))
            if method == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith("file://"):
                found.append("a request for " + parameters["request"]["url"])
        return found

    def screenshot(self, path, is_whole=False):
        """Writes a PNG file of what the tab shows, or of the whole page."""
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
