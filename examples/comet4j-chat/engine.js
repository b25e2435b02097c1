/**
 * `JS.Engine` as pages of Comet4J know it, written anew from what its clients were seen
 * to do: the same requests, the same way to read an answer, the same patience and the
 * same weak points. A page that works with this one works with the original.
 *
 * `new JS.Client("0.1.7")` is one of the last version, `new JS.Client("0.0.2")` one of
 * the released; `JS.Engine` is the last.
 */
(() => {
  /** Listeners by name; names are the same in upper and lower case. */
  class Events {
    events = {};

    declare(name) {
      // Asked as it is written, kept in lower case: what was there is forgotten.
      if (!this.events[name]) this.events[name.toLowerCase()] = [];
    }

    listen(name, listener) {
      const key = name.toLowerCase();
      this.declare(key);
      const listeners = this.events[key];
      if (!listeners.includes(listener)) listeners.push(listener);
    }

    /** The last one first; one that returns false is the last to hear it. */
    fire(name, ...args) {
      const listeners = this.events[name.toLowerCase()] ?? [];
      for (let i = listeners.length - 1; i >= 0; i--) {
        if (listeners[i].apply(this, args) === false) return;
      }
    }

    clear() {
      for (const listeners of Object.values(this.events)) listeners.length = 0;
    }
  }

  /** One `XMLHttpRequest`, used again and again, with a limit on silence. */
  class Ajax {
    timeout = 30_000;
    timer = undefined;
    native = new XMLHttpRequest();

    constructor(handlers) {
      this.handlers = handlers;
      this.native.onreadystatechange = () => this.changed();
    }

    get(url, type) {
      this.native.open("GET", `${url}&ram=${Math.random()}`, true);
      if (type) this.native.setRequestHeader("Content-Type", type);
      this.wait();
      this.native.send(null);
    }

    wait() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        if (this.native.readyState !== 4) this.handlers.timeout();
      }, this.timeout);
    }

    changed() {
      this.wait();
      const { readyState, status, responseText } = this.native;
      const well = status >= 200 && status < 300;
      if (readyState === 3 && well) this.handlers.progress?.(responseText);
      if (readyState !== 4) return;
      clearTimeout(this.timer);
      if (this.handlers.end) return this.handlers.end(responseText);
      if (well) this.handlers.load(responseText);
      else if (status === 408) this.handlers.timeout();
      else this.handlers.error();
    }

    abort() {
      clearTimeout(this.timer);
      this.native.abort();
    }
  }

  class Client extends Events {
    running = false;
    connecting = false;
    cId = "";
    workStyle = "";
    /** Every frame as it was taken, for those who want to look. */
    frames = [];
    stored = [];
    last = "";
    retries = 0;

    constructor(version) {
      super();
      this.version = version;
      this.modern = version !== "0.0.2";
      this.declare("start");
      this.declare("stop");
      this.ajax = new Ajax({
        progress: (text) => this.progress(text),
        load: (text) => this.load(text),
        error: () =>
          this.modern ? this.retry("服务器异常") : this.stop("服务器异常"),
        timeout: () => this.modern ? this.retry("请求超时") : this.revive(),
      });
      addEventListener("beforeunload", () => this.drop());
    }

    getId() {
      return this.cId;
    }

    getConnector() {
      return this;
    }

    /** Listens; what listens before the start is kept for every start to come. */
    on(name, listener) {
      const named = typeof name === "string" ? { [name]: listener } : name;
      for (const [name, listener] of Object.entries(named)) {
        if (this.running) this.listen(name, listener);
        else this.stored.push([name, listener]);
      }
    }

    /** Connects after a second. */
    start(url, parameters = "") {
      if (this.modern) this.running = true;
      if (this.connecting) return;
      this.connecting = true;
      this.url = url || this.url;
      this.retries = 0;
      // The released version knows of no parameters.
      const own = parameters.replace(/^(?=[^&])/, "&");
      this.parameters = this.modern ? own : "";
      if (this.modern) this.restore();
      setTimeout(() => this.connecting && this.connect(), 1_000);
    }

    restore() {
      for (const [name, listener] of this.stored) this.listen(name, listener);
    }

    connect() {
      const url = `${this.url}?cmd=conn&cv=${this.version}${this.parameters}`;
      const taken = (text) => {
        const message = this.decode(text);
        if (!message) return this.stop("连接失败");
        const { cId, channels, ws, timeout } = message.data;
        this.cId = cId;
        this.workStyle = ws;
        this.running = true;
        this.ajax.timeout = this.modern ? timeout + 1_000 : timeout * 2;
        for (const name of channels) this.declare(name);
        this.restore();
        this.fire("start", cId, channels, this);
        this.revive();
      };
      if (!this.modern) {
        // It looks at no status.
        const asks = new Ajax({ end: taken, timeout: () => {} });
        return asks.get(url, "html/text;charset=UTF8");
      }
      new Ajax({
        load: taken,
        error: () => this.stop("连接时发生错误"),
        timeout: () => this.stop("连接超时"),
      }).get(url);
    }

    revive(delay = 100) {
      if (!this.connecting) return;
      setTimeout(() => {
        const query = `?cmd=revival&cid=${this.cId}${this.parameters}`;
        this.ajax.get(this.url + query);
      }, delay);
    }

    retry(cause) {
      if (++this.retries > 3) this.stop(cause);
      else this.revive(1_100);
    }

    /** A part of a response has come: what is new is what follows the old text. */
    progress(text) {
      if (this.workStyle !== "stream") return;
      const parts = this.last && text ? text.split(this.last) : [text];
      this.last = text;
      const frames = parts[parts.length - 1].split(">");
      for (const [i, frame] of frames.entries()) {
        if (this.modern && !frame && i > 0) return;
        const message = this.decode(frame);
        if (message) {
          this.dispatch(message);
          if (this.modern && message.channel === "c4j") this.revive();
        } else if (this.modern) this.retry("服务器异常");
      }
    }

    /** A response has ended. */
    load(text) {
      const polls = this.workStyle === "lpool";
      if (!polls && this.modern) return;
      const message = polls && this.decode(text);
      if (message) this.dispatch(message);
      if (message || !this.modern) this.revive();
      else this.retry("服务器异常");
    }

    dispatch(message) {
      this.retries = 0;
      this.frames.push(message);
      this.fire(message.channel, message.data, message.time, this);
    }

    decode(text) {
      if (text === "") return null;
      const encoded = text.replace(/^</, "").replace(/>$/, "");
      const decoded = decodeURIComponent(encoded);
      try {
        // As the original does: what comes is JavaScript.
        return (0, eval)(`(${decoded})`);
      } catch {
        this.stop("JSON转换异常");
        return null;
      }
    }

    drop() {
      if (!this.connecting || !this.cId) return;
      const query = `?cmd=drop&cid=${this.cId}${this.parameters}`;
      try {
        const request = new XMLHttpRequest();
        request.open("GET", `${this.url}${query}&ram=${Math.random()}`, false);
        request.send(null);
      } catch { /* Chromium refuses it in a page that goes away. */ }
    }

    stop(cause) {
      if (!this.connecting) return;
      this.drop();
      const { cId } = this;
      this.connecting = this.running = false;
      this.cId = this.workStyle = "";
      this.ajax.abort();
      this.fire("stop", cause, cId, this.url, this);
      this.clear();
    }
  }

  globalThis.JS = { Client, Engine: new Client("0.1.7") };
})();
