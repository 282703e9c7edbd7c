"""What sft.py, dpo.py and kto.py have in common: flags, the model with its adapter, a guard, and the end."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import measure
import rows as data
import save
import torch
from fingerprint import fingerprint_of
from peft import LoraConfig, PeftModel, get_peft_model
from progress import Progress, Stop
from rows import Found, Row
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback, set_seed

LOOKS = 10  # of the guard, over a training
GUARDED = 32  # rows that it looks at
KINDS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def flags(about: str, epochs: float, lr: float) -> argparse.ArgumentParser:
    """Those that all methods take."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--data", required=True, help="JSONL file, or folder of `procy export`")
    add("--test", default="", help="JSONL of held-out rows; default: test.jsonl of the export")
    add("--model", required=True, help="base model: folder or name")
    add("--adapter", default="", help="folder of an adapter to go on from")
    add("--output", required=True, help="folder for the adapter")
    add("--epochs", type=float, default=epochs)
    add("--max-steps", type=int, default=-1, help="ends it earlier")
    add("--lr", type=float, default=lr, help="learning rate")
    add("--batch-size", type=int, default=8, help="rows a step, over all processes and --accumulate")
    add("--accumulate", type=int, default=1, help="steps whose gradients are added up")
    add("--lora-r", type=int, default=16, help="rank: 8, 16, 32, 64 … can be served")
    add("--lora-alpha", type=int, default=32)
    add("--lora-dropout", type=float, default=0.0)
    add("--lora-targets", default="all-linear", help="all-linear, or module names with commas")
    add("--max-length", type=int, default=4096, help="tokens of a row; context goes, oldest first, then the row is refused")
    add("--warmup", type=float, default=0.05, help="share of the steps")
    add("--scheduler", default="cosine", help="of the learning rate: cosine, linear, constant …")
    add("--weight-decay", type=float, default=0.0)
    add("--seed", type=int, default=0)
    add("--dtype", default="auto", choices=["auto", *KINDS], help="auto: bfloat16, or float16, on GPUs; float32 without")
    add("--qlora", action="store_true", help="the base in 4 bits (needs bitsandbytes)")
    add("--gradient-checkpointing", default="auto", choices=["auto", "on", "off"], help="less memory, slower; auto: on GPUs")
    add("--world", type=int, default=1, help="processes that there must be; fewer would train on more, silently")
    add("--progress", default="", help="file for lines of progress; default: progress.jsonl in --output")
    add("--cpu", action="store_true", help="no GPU, even where there is one")
    add("--save-steps", type=float, default=0.1, help="steps, or share of all, between checkpoints")
    add("--resume", default="auto", choices=["auto", "never"], help="from the last checkpoint in --output")
    add("--keep-checkpoints", action="store_true")
    add("--measure-rows", type=int, default=200, help="held-out rows that are measured before and after; 0: none")
    add("--generate", type=int, default=32, help="of them, rows for which an answer is written")
    add("--strict", action="store_true", help="fail where a row is refused")
    add("--no-guard", action="store_true", help="go on though held-out right prompts get less likely than to the base")
    return parser


# -- before -------------------------------------------------------------------------------------------------------------


def rows_of(given: argparse.Namespace, method: str, tokenizer: Any, progress: Progress) -> tuple[Found, list[Row]]:
    """What is learned from, and held-out rows: pairs where there are some. Raises DataError, Stop."""
    path = data.file_of(given.data, method, "train")
    assert path is not None
    found = data.fit(data.read(path, method), given.max_length, lambda said: len(measure.ids_of(tokenizer, said)))
    for line in data.told(found):
        progress.say("note", text=line)
    data.check_labels(found, path)
    if given.strict and found.refused:
        raise Stop(f"{found.refused.total()} rows of {path} were refused", "Mend them, or leave --strict out")
    if not found.rows:
        raise Stop(f"no row of {path} can be used", "Correct some prompts (procy correct), or raise --max-length")
    return found, held_out(given, method)[: given.measure_rows]


def held_out(given: argparse.Namespace, method: str) -> list[Row]:
    paths = [given.test] if given.test else [data.file_of(given.data, one, "test") for one in dict.fromkeys(("dpo", method))]
    path = next((one for one in paths if one), None)
    return measure.rows_for(str(path)) if path else []


def tokenizer_of(given: argparse.Namespace) -> Any:
    """Raises Stop."""
    if given.model.startswith(("/", "~", ".")) and not Path(given.model).is_dir():
        raise Stop(f"there is no folder {given.model}", "Name the base's folder, or its name on a hub")
    try:
        tokenizer = AutoTokenizer.from_pretrained(given.model)
    except OSError as error:
        raise Stop(
            f"the model {given.model} cannot be read ({str(error).splitlines()[0]})", "Name a folder that has it"
        ) from None
    if not tokenizer.chat_template:
        raise Stop(f"the model {given.model} has no chat template", "Take one that was made for conversations (…-Instruct)")
    return tokenizer


def kind_of(given: argparse.Namespace) -> str:
    if given.dtype != "auto":
        return str(given.dtype)
    if given.cpu or not torch.cuda.is_available():
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"


def model_of(given: argparse.Namespace) -> Any:
    """The base with an adapter: a new one, or ``--adapter``, which must be of this base. Raises Stop."""
    set_seed(given.seed)
    quantization = None
    if given.qlora:
        try:
            import bitsandbytes  # noqa: F401
        except ImportError:
            raise Stop("--qlora needs bitsandbytes, which is not installed", "pip install bitsandbytes==0.50.2") from None
        from transformers import BitsAndBytesConfig

        kind = KINDS[kind_of(given)]
        quantization = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=kind, bnb_4bit_use_double_quant=True
        )
    base = AutoModelForCausalLM.from_pretrained(given.model, dtype=KINDS[kind_of(given)], quantization_config=quantization)
    base.config.use_cache = False
    if quantization is not None:
        from peft import prepare_model_for_kbit_training

        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=checkpointed(given))
    if given.adapter:
        check_base(given)
        return PeftModel.from_pretrained(base, given.adapter, is_trainable=True)
    targets: Any = given.lora_targets if given.lora_targets == "all-linear" else given.lora_targets.split(",")
    lora = {"r": given.lora_r, "lora_alpha": given.lora_alpha, "lora_dropout": given.lora_dropout, "target_modules": targets}
    return get_peft_model(base, LoraConfig(**lora, task_type="CAUSAL_LM"))


def check_base(given: argparse.Namespace) -> None:
    """Raises Stop where the adapter to go on from is of another base: it would load, and be nonsense."""
    known = save.known_facts(given.adapter)["base"]
    if known["sha256"] != fingerprint_of(given.model)["sha256"]:
        raise Stop(
            f"{given.adapter} is an adapter of another base ({known['name']})", "Train on that base, or begin without --adapter"
        )


def checkpointed(given: argparse.Namespace) -> bool:
    if given.gradient_checkpointing != "auto":
        return bool(given.gradient_checkpointing == "on")
    return torch.cuda.is_available() and not given.cpu


def settings(given: argparse.Namespace) -> dict[str, Any]:
    """For every trainer's configuration. Raises Stop where there are not as many processes as wanted.

    Defaults of the libraries that are wrong without a GPU are named: bf16 would be on, checkpointing too.
    """
    from accelerate import PartialState

    on_cpu, kind = given.cpu or not torch.cuda.is_available(), kind_of(given)
    there = PartialState(cpu=on_cpu).num_processes
    if there != given.world:
        remedy = f"Start it with: torchrun --nproc-per-node {given.world}" if there < given.world else f"Say --world {there}"
        raise Stop(f"there are {there} processes and should be {given.world}", remedy)
    a_step = there * given.accumulate
    if given.batch_size % a_step:
        raise Stop(
            f"--batch-size {given.batch_size} cannot be shared out to {there} processes × {given.accumulate}",
            f"Take {a_step * 2}",
        )
    return {
        "output_dir": str(Path(given.output) / "checkpoints"), "num_train_epochs": given.epochs, "max_steps": given.max_steps,
        "learning_rate": given.lr, "per_device_train_batch_size": given.batch_size // a_step,
        "gradient_accumulation_steps": given.accumulate, "warmup_steps": given.warmup, "lr_scheduler_type": given.scheduler,
        "weight_decay": given.weight_decay, "seed": given.seed, "data_seed": given.seed, "max_length": given.max_length,
        "use_cpu": on_cpu, "bf16": kind == "bfloat16", "fp16": kind == "float16", "dataloader_pin_memory": not on_cpu,
        "gradient_checkpointing": checkpointed(given), "save_strategy": "steps", "save_steps": given.save_steps,
        "save_total_limit": 2, "logging_steps": 1, "logging_first_step": True, "report_to": "none", "disable_tqdm": True,
        "remove_unused_columns": True,
    }  # fmt: skip


# -- meanwhile ----------------------------------------------------------------------------------------------------------


class Telling(TrainerCallback):
    """Every logged step as a line."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        known = {name: round(float(value), 6) for name, value in (logs or {}).items() if isinstance(value, (int, float))}
        if "loss" in known:
            self.progress.say("step", step=state.global_step, steps=state.max_steps, **known)


class Guard(TrainerCallback):
    """Ends a training that makes right prompts less likely than they are to the base, and goes back to where it was well.

    Preference training can do that while its own accuracy looks good. Every process looks, so that all of them stop.
    """

    def __init__(self, model: Any, tokenizer: Any, rows: Sequence[Row], progress: Progress) -> None:
        self.model, self.tokenizer, self.progress = model, tokenizer, progress
        self.pairs = [(row["prompt"], measure.right(row)) for row in rows[:GUARDED]]
        self.base: float | None = None
        self.best: dict[str, Any] = {}
        self.stopped_at = 0

    def nll(self) -> float:
        """Per token."""
        training = self.model.training
        self.model.eval()
        found = measure.logprobs(self.model, self.tokenizer, self.pairs)
        self.model.train(training)
        return -float(torch.cat(found).mean())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % max(state.max_steps // LOOKS, 1):
            return
        if self.base is None:  # not before the training: only then is a large model shared out
            with self.model.disable_adapter():
                self.base = self.nll()
        now = self.nll()
        figures = {"nll": round(now, 6), "nll_base": round(self.base, 6)}
        self.progress.say("measured", step=state.global_step, steps=state.max_steps, **figures)
        if now <= self.base:
            self.best = {name: one.detach().clone() for name, one in self.trained()}
        else:
            self.stopped_at = state.global_step
            control.should_training_stop = True

    def trained(self) -> list[tuple[str, Any]]:
        return [(name, one) for name, one in self.model.named_parameters() if one.requires_grad]

    def back(self) -> None:
        """Raises Stop where it cannot: it never was well, or DeepSpeed has the weights in parts of its own."""
        if not self.stopped_at:
            return
        what = f"at step {self.stopped_at} right prompts were less likely than to the base"
        if not self.best or shared_out() == "deepspeed":
            raise Stop(what, "Use a lower --lr, fewer --epochs, or more of the SFT term (--sft-weight)")
        with torch.no_grad():
            for name, one in self.trained():
                one.copy_(self.best[name])
        self.progress.say("note", text=f"{what}: stopped, and went back to the last good weights")


def shared_out() -> str:
    """How one model lies on many GPUs: fsdp, deepspeed, or "" where each has all of it."""
    for name in ("fsdp", "deepspeed"):
        if os.environ.get(f"ACCELERATE_USE_{name.upper()}", "").lower() in ("1", "true"):
            return name
    return ""


# -- after --------------------------------------------------------------------------------------------------------------


class Training:
    """One training from its flags to its folder: ``prepare``, then ``run``."""

    def __init__(self, given: argparse.Namespace, method: str) -> None:
        self.given, self.method = given, method
        self.progress = Progress(given.progress or str(Path(given.output) / "progress.jsonl"), method)

    def prepare(self) -> None:
        given = self.given
        self.settings = settings(given)
        self.tokenizer = tokenizer_of(given)
        self.found, self.held = rows_of(given, self.method, self.tokenizer, self.progress)
        self.model = model_of(given)
        self.base = {"name": given.model, **fingerprint_of(given.model)}  # by now all of it is on this machine
        device = "cpu" if self.settings["use_cpu"] else "cuda"
        if not given.qlora and not shared_out():  # else it may not fit
            self.model.to(device)
        trained = sum(one.numel() for one in self.model.parameters() if one.requires_grad)
        found = self.found
        self.progress.say(
            "start",
            model=given.model,
            rows=len(found.rows),
            refused=dict(found.refused),
            shortened=found.shortened,
            held_out=len(self.held),
            world=given.world,
            dtype=kind_of(given),
            device=device,
            parameters=trained,
        )

    def run(self, trainer_of: Any) -> None:
        """``trainer_of``: (model, tokenizer, rows, settings) → trainer."""
        given = self.given
        guard = Guard(self.model, self.tokenizer, self.held or self.found.rows, self.progress) if not given.no_guard else None
        before = None if shared_out() else self.base_figures()
        trainer = trainer_of(self.model, self.tokenizer, self.found.rows, self.settings)
        trainer.remove_callback(PrinterCallback)
        for callback in (Telling(self.progress), guard):
            if callback is not None:
                trainer.add_callback(callback)
        done = trainer.train(resume_from_checkpoint=self.checkpoint())
        if not math.isfinite(done.training_loss):
            raise Stop("the loss is no number any more", "Use a lower --lr")
        if guard is not None:
            guard.back()
        self.finish(trainer, before or self.base_figures(), done.training_loss)

    def finish(self, trainer: Any, before: dict[str, Any] | None, loss: float) -> None:
        given, model = self.given, self.model
        after = self.figures()
        prompts = save.canary_prompts(self.held, self.found.rows)
        facts = {
            "method": self.whole_method(), "base": self.base, "seed": given.seed, "world": given.world, "arguments": vars(given),
            "data": {"sha256": self.found.manifest, "files": self.found.files, "rows": len(self.found.rows),
                     "refused": dict(self.found.refused)},
            "held_out": {"rows": len(self.held), "before": before, "after": after} if self.held else None,
            "canary": save.canary(model.eval(), self.tokenizer, prompts), "loss": round(loss, 6),
        }  # fmt: skip
        state = trainer.accelerator.get_state_dict(trainer.model_wrapped) if shared_out() else None
        save.save(model, self.tokenizer, given.output, facts, self.progress.is_first, state)
        self.progress.say("saved", path=str(Path(given.output).absolute()))
        trainer.accelerator.wait_for_everyone()
        if self.progress.is_first and not given.keep_checkpoints:
            shutil.rmtree(Path(given.output) / "checkpoints", ignore_errors=True)
        self.progress.say("done", loss=facts["loss"], before=before, after=after)

    def whole_method(self) -> str:
        """With that of the adapter that it went on from before it."""
        if not self.given.adapter:
            return self.method
        return f"{save.known_facts(self.given.adapter)['method']}+{self.method}"

    def figures(self) -> dict[str, Any] | None:
        if not self.held:
            return None
        found = measure.summed(measure.measured(self.model, self.tokenizer, self.held, self.given.generate))
        self.progress.say("measured", **found)
        return found

    def base_figures(self) -> dict[str, Any] | None:
        with self.model.disable_adapter():
            return self.figures()

    def checkpoint(self) -> str | None:
        """The last whole one in the output folder: its state is written last."""
        if self.given.resume != "auto":
            return None
        whole = [one.parent for one in Path(self.settings["output_dir"]).glob("checkpoint-*/trainer_state.json")]
        last = max(whole, key=lambda one: int(one.name.partition("-")[2]), default=None)
        if last:
            self.progress.say("note", text=f"resumes at {last.name}")
        return str(last) if last else None


def begin(given: argparse.Namespace, method: str) -> Training:
    os.makedirs(given.output, exist_ok=True)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return Training(given, method)
