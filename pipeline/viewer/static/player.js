// One clock for whatever is shown: the video, its preview, or a storyboard if the browser plays neither.
// All times are seconds from the first presented frame, as everywhere in Longcap.

const SLACK = 0.04; // s, the most that half a frame can be: a seek to the exact start of a frame may show the previous one

export class Player extends EventTarget {
  #video;
  #storyboard;
  #facts;
  #source;
  #mode = "none"; // video, preview, storyboard
  #offset = 0; // time of the first frame on the browser's clock
  #time = 0;
  #paused = true;
  #rate = 1;
  #timer = 0;
  #frame = 0;
  #wanted = null; // a seek that waits for the metadata

  constructor(video, storyboard, facts, urls) {
    super();
    this.#video = video;
    this.#storyboard = storyboard;
    this.#facts = facts;
    this.#source = urls;
    for (const name of ["play", "pause", "seeked", "ratechange", "timeupdate"]) {
      video.addEventListener(name, () => this.#changed(name));
    }
    video.addEventListener("loadedmetadata", () => this.#loaded());
    video.addEventListener("error", () => this.#failed());
    this.#watch();
  }

  get mode() {
    return this.#mode;
  }

  get duration() {
    return this.#facts.duration; // the element may report Infinity, or the header of a truncated file
  }

  get paused() {
    return this.#onVideo ? this.#video.paused : this.#paused;
  }

  get rate() {
    return this.#rate;
  }

  set rate(value) {
    this.#rate = value;
    this.#video.playbackRate = value;
    this.#video.defaultPlaybackRate = value;
  }

  get time() {
    if (!this.#onVideo) return this.#time;
    if (this.#wanted !== null) return this.#wanted;
    return Math.min(this.duration, Math.max(0, this.#video.currentTime - this.#offset));
  }

  /** Show the video if the browser reports that it may play it, else the storyboard. */
  open() {
    const type = this.#facts.type;
    if (type && this.#video.canPlayType(type)) {
      this.#load("video", this.#source.media, this.#facts.first);
    } else {
      this.showStoryboard(this.#facts.jumps ? "The timestamps of this file jump, which browsers do not support" : `This browser does not play ${this.#facts.codec}`);
    }
  }

  /** Show a preview that the viewer has made. */
  openPreview(first) {
    const at = this.time;
    this.#load("preview", this.#source.preview, first);
    this.seek(at);
  }

  /** Show frames instead of the video. */
  showStoryboard(why, at = this.time) {
    this.pause();
    this.#mode = "storyboard";
    this.#wanted = null;
    this.#video.hidden = true;
    this.#video.removeAttribute("src");
    this.#storyboard.hidden = false;
    this.#time = at;
    this.#show();
    this.dispatchEvent(new CustomEvent("mode", { detail: why }));
    this.#tick();
  }

  seek(time) {
    const at = Math.min(Math.max(0, time), this.duration);
    if (this.#onVideo) {
      if (this.#video.readyState < 1) {
        this.#wanted = at;
        return;
      }
      if (at + this.#offset > this.#video.duration + 0.1) {
        // some files declare a shorter duration than they have, and browsers rely on it
        this.showStoryboard("The browser cannot reach the end of this file", at);
        return;
      }
      const half = Math.min(SLACK, this.#facts.fps > 0 ? 0.5 / this.#facts.fps : SLACK);
      this.#video.currentTime = at + this.#offset + half;
    } else {
      this.#time = at;
      this.#show();
      this.#tick();
    }
    this.dispatchEvent(new Event("seek"));
  }

  async play() {
    if (this.#onVideo) {
      await this.#video.play().catch(() => {}); // refused before the first user gesture; other errors raise the error event
      return;
    }
    if (this.time >= this.duration - 0.05) this.#time = 0;
    this.#paused = false;
    let before = performance.now();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#time = Math.min(this.duration, this.#time + ((now - before) / 1000) * this.#rate);
      before = now;
      if (this.#time >= this.duration) this.pause();
      this.#show();
      this.#tick();
    }, 200);
    this.dispatchEvent(new Event("state"));
  }

  pause() {
    if (this.#onVideo) {
      this.#video.pause();
      return;
    }
    clearInterval(this.#timer);
    this.#paused = true;
    this.dispatchEvent(new Event("state"));
  }

  toggle() {
    if (this.paused) this.play();
    else this.pause();
  }

  /** One frame back or forward. */
  step(count) {
    this.pause();
    this.seek(this.time + count / (this.#onVideo && this.#facts.fps > 0 ? this.#facts.fps : 1));
  }

  get #onVideo() {
    return this.#mode === "video" || this.#mode === "preview";
  }

  #load(mode, source, first) {
    clearInterval(this.#timer);
    this.#paused = true;
    this.#mode = mode;
    this.#offset = first;
    this.#storyboard.hidden = true;
    this.#video.hidden = false;
    this.#wanted = this.#time || null;
    this.#video.src = source;
    this.#video.playbackRate = this.#rate;
    this.dispatchEvent(new CustomEvent("mode", { detail: "" }));
  }

  #loaded() {
    if (!this.#video.videoWidth) {
      this.#failed(); // audio only: no frame would be shown
      return;
    }
    if (this.#wanted !== null) {
      const at = this.#wanted;
      this.#wanted = null;
      this.seek(at);
    }
    this.dispatchEvent(new Event("state"));
  }

  #failed() {
    if (!this.#onVideo || !this.#video.getAttribute("src")) return;
    const code = this.#video.error ? this.#video.error.code : 0;
    const broke = code === 3 || (code === 2 && this.#video.readyState > 0);
    const at = this.#wanted ?? this.#time;
    this.showStoryboard(broke ? "The browser could not decode the video any further" : `This browser does not play ${this.#facts.codec}`, at);
  }

  #changed(name) {
    if (!this.#onVideo) return;
    if (name === "play" || name === "pause") this.dispatchEvent(new Event("state"));
    if (name === "ratechange") this.#rate = this.#video.playbackRate;
    this.#tick();
  }

  /** Update the time for every frame that is shown, the best precision that the browser offers. */
  #watch() {
    if (!("requestVideoFrameCallback" in this.#video)) return;
    const shown = () => {
      if (this.#onVideo) this.#tick();
      this.#video.requestVideoFrameCallback(shown);
    };
    this.#video.requestVideoFrameCallback(shown);
  }

  #tick() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#onVideo && this.#video.readyState > 0) this.#time = this.time; // where to continue after an error
      this.dispatchEvent(new Event("time"));
    });
  }

  /** Show the storyboard's current frame: the exact one if paused, one per second while playing. */
  #show() {
    const at = this.#paused ? this.#time : Math.floor(this.#time);
    const source = this.#source.still(Math.min(at, Math.max(0, this.duration - 0.001)).toFixed(3));
    if (this.#storyboard.getAttribute("src") !== source) {
      this.#storyboard.src = source;
      this.#storyboard.alt = `Frame at ${at.toFixed(2)} s`;
    }
  }
}
