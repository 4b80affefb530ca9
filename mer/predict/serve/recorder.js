// Records with the microphone as WAV, so that no codec is needed, sends it or a file, and shows the predictions.
const MAX_SECONDS = 600;
const main = document.querySelector("main");
const find = (id) => document.getElementById(id);
let recording = null;

function say(text, isError = false) {
  find("state").textContent = text;
  find("state").classList.toggle("error", isError);
}

function busy(isBusy) {
  find("record").disabled = find("file").disabled = isBusy;
}

// 16 bits, one channel: a header of 44 bytes, then the samples.
function wav(blocks, rate) {
  const count = blocks.reduce((sum, block) => sum + block.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const ascii = (offset, text) => [...text].forEach((letter, n) => view.setUint8(offset + n, letter.charCodeAt(0)));
  ascii(0, "RIFF"); view.setUint32(4, 36 + 2 * count, true); ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  ascii(36, "data"); view.setUint32(40, 2 * count, true);
  let offset = 44;
  for (const block of blocks) {
    for (const sample of block) {
      view.setInt16(offset, Math.round(32767 * Math.max(-1, Math.min(1, sample))), true);
      offset += 2;
    }
  }
  return new Blob([view], {type: "audio/wav"});
}

async function record() {
  busy(true);
  say("The browser asks for the microphone.");
  let stream = null, context = null;
  try {
    const plain = {echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1};
    stream = await navigator.mediaDevices.getUserMedia({audio: plain});
    context = new AudioContext();
    await context.audioWorklet.addModule("capture.js");
    const capture = new AudioWorkletNode(context, "capture", {numberOfOutputs: 0});
    recording = {stream, context, blocks: [], samples: 0};
    capture.port.onmessage = ({data}) => take(data);
    context.createMediaStreamSource(stream).connect(capture);
    say("Recording.");
    find("stop").disabled = false;
    find("stop").focus();
  } catch (error) {
    stream?.getTracks().forEach((track) => track.stop());
    context?.close();
    recording = null;
    busy(false);
    say(`No recording: ${error.message || error.name}. A file can be chosen instead.`, true);
  }
}

function take(block) {
  if (!recording) return;
  recording.blocks.push(block);
  recording.samples += block.length;
  const seconds = recording.samples / recording.context.sampleRate;
  find("level").value = Math.min(1, 3 * Math.sqrt(block.reduce((sum, x) => sum + x * x, 0) / block.length));
  find("seconds").textContent = `${Math.floor(seconds)} s`;
  if (seconds >= MAX_SECONDS) stop();
}

async function stop() {
  const {stream, context, blocks} = recording;
  recording = null;
  find("stop").disabled = true;
  find("level").value = 0;
  find("seconds").textContent = "";
  stream.getTracks().forEach((track) => track.stop());
  const rate = context.sampleRate;
  await context.close();
  await send(wav(blocks, rate), "microphone.wav");
}

async function send(data, name) {
  busy(true);
  try {
    if (data.size > Number(main.dataset.maxBytes)) throw new Error("it is larger than the limit");
    say(`Predicting ${name} …`);
    const headers = {"Content-Type": "application/octet-stream", "X-Name": encodeURIComponent(name)};
    if (find("text")?.value) headers["X-Text"] = encodeURIComponent(find("text").value);
    const reply = await fetch("predict", {method: "POST", headers, body: data});
    const {page, error} = await reply.json();
    if (error) throw new Error(error);
    find("result").src = page;
    find("result").hidden = false;
    say(`Predictions for ${name}:`);
  } catch (error) {
    say(`${name}: ${error instanceof TypeError ? "the program does not reply; was it ended?" : error.message}`, true);
  } finally {
    busy(false);
  }
}

find("record").addEventListener("click", record);
find("stop").addEventListener("click", stop);
find("file").addEventListener("change", ({target}) => {
  if (target.files[0]) send(target.files[0], target.files[0].name);
  target.value = "";
});
