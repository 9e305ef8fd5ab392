"""python -m melgan_vc.import_notebook: the authors' weights as a bundle."""

from omegaconf import DictConfig

from melgan_vc import __version__
from melgan_vc.cli import command
from melgan_vc.config.paths import expand_user
from melgan_vc.spec import AudioSpec, ChunkSpec
from melgan_vc.terminal import say


@command("import_notebook")
def main(cfg: DictConfig) -> None:
    from melgan_vc.bundle import pack
    from melgan_vc.networks.notebook import load_notebook

    folder, output = expand_user(cfg.weights), expand_user(cfg.output)
    networks = load_notebook(folder)
    hop = networks.n_mels
    bundle = pack(
        networks.generator,
        {"n_mels": hop, "channels": networks.channels},
        AudioSpec(cfg.sample_rate, hop_length=hop, n_fft=6 * hop, n_mels=hop),
        ChunkSpec(networks.width, networks.splits),
        {"imported": "MelGAN-VC notebook", "version": __version__},
        settle=False,
    )
    bundle.save(output)
    say(f"wrote {output}: {hop} mel bins, {networks.channels} channels, {networks.splits} chunks of {networks.width}")


if __name__ == "__main__":
    main()
