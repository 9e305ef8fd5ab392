"""A voice through an exported bundle with numpy and onnxruntime alone.

    python -m melgan_vc.export bundle=RUN output=voice.onnx
    python examples/convert_onnx.py voice.onnx in.wav out.wav

in.wav: 16-bit PCM at the bundle's sample rate; its channels are mixed. The waveform is made by plain Griffin-Lim here;
melgan_vc's own inversion sounds better.
"""

import json
import sys
import wave

import numpy as np
import onnxruntime

ITERATIONS = 60


def read(path: str, rate: int) -> np.ndarray:
    """A WAV file as samples (N,)."""
    with wave.open(path) as file:
        if file.getsampwidth() != 2 or file.getframerate() != rate:
            sys.exit(f"{path}: give 16-bit PCM at {rate} Hz")
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    return samples.mean(axis=1) / 32768


def write(path: str, waveform: np.ndarray, rate: int) -> None:
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes())


def mel_filters(audio: dict) -> np.ndarray:
    """Triangles (M, F) that are even on the HTK mel scale."""
    rate, n_fft = audio["sample_rate"], audio["n_fft"]
    ends = np.array([audio["min_frequency"], audio["max_frequency"] or rate / 2])
    lowest, highest = 2595 * np.log10(1 + ends / 700)
    edges = 700 * (10 ** (np.linspace(lowest, highest, audio["n_mels"] + 2) / 2595) - 1)
    bins = np.linspace(0, rate // 2, n_fft // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))


class FrontEnd:
    """Waveform (N,) to mel (M, T) and back, as an exported file's metadata says."""

    def __init__(self, audio: dict) -> None:
        self.audio, self.hop, self.n_fft = audio, audio["hop_length"], audio["n_fft"]
        window = np.hanning(self.n_fft + 1)[:-1]
        self.window = window / np.sqrt(np.square(window).sum())
        self.filters = mel_filters(audio)

    def stft(self, waveform: np.ndarray) -> np.ndarray:
        padded = np.pad(waveform, self.n_fft // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[:: self.hop]
        return np.fft.rfft(frames * self.window).T

    def istft(self, spectrum: np.ndarray, samples: int) -> np.ndarray:
        out = np.zeros((spectrum.shape[1] - 1) * self.hop + self.n_fft)
        weights = np.zeros_like(out)
        for number, frame in enumerate(np.fft.irfft(spectrum.T, self.n_fft)):
            place = slice(number * self.hop, number * self.hop + self.n_fft)
            out[place] += frame * self.window
            weights[place] += self.window**2
        return (out / np.maximum(weights, 1e-8))[self.n_fft // 2 :][:samples]

    def mel(self, waveform: np.ndarray) -> np.ndarray:
        decibel = 10 * np.log10(np.maximum(self.filters @ np.abs(self.stft(waveform)) ** 2, 1e-10))
        if self.audio["top_db"] is not None:
            decibel = np.maximum(decibel, decibel.max() - self.audio["top_db"])
        above_floor = decibel - self.audio["reference_db"] + self.audio["range_db"]
        return np.clip(2 * above_floor / self.audio["range_db"] - 1, -1, 1).astype(np.float32)

    def waveform(self, mel: np.ndarray, samples: int) -> np.ndarray:
        above_floor = (np.clip(mel, -1, 1).astype(float) + 1) / 2 * self.audio["range_db"]
        power = 10 ** ((above_floor - self.audio["range_db"] + self.audio["reference_db"]) / 10)
        magnitude = np.sqrt(np.maximum(np.linalg.pinv(self.filters) @ power, 0))
        phase = np.exp(2j * np.pi * np.random.default_rng(0).random(magnitude.shape))
        for _ in range(ITERATIONS):
            again = self.stft(self.istft(magnitude * phase, samples))[:, : magnitude.shape[1]]
            phase = again / np.maximum(np.abs(again), 1e-12)
        return self.istft(magnitude * phase, samples)


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    model, source, output = sys.argv[1:]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["melgan_vc"])
    audio = about["audio"]
    if "pitch" in about:
        sys.exit(f"{model}: shifts the pitch of its source, which this example cannot; use python -m melgan_vc.convert")
    front_end = FrontEnd(audio)
    given = read(source, audio["sample_rate"])
    if len(given) <= audio["n_fft"]:
        sys.exit(f"{source}: give more than {audio['n_fft'] / audio['sample_rate']:.2f} s")
    converted = session.run(None, {"mel": front_end.mel(given)[None]})[0][0]
    write(output, front_end.waveform(converted, len(given)), audio["sample_rate"])


if __name__ == "__main__":
    main()
