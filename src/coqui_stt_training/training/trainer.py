"""The training loop.

Position, loss sums and counters are in `Progress`, weights in the model, moments in the optimizer.
The order of batches and the dropout masks follow from the seed and the position. So a resumed run
equals an uninterrupted one, on a CPU bit for bit. A run can have several processes: see
`distributed.py`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from stt.counted import counted

from ..batches.loader import BatchLoader
from ..batches.training_pipeline import Step, TrainingPipeline
from ..checkpoints.state_file import Kind
from ..corpus import Clip
from ..errors import UserError
from ..models.dropout import Dropout
from ..models.tensors import load_weights, trained_statistics
from ..report.epochs import Epoch
from ..scoring.metrics import SetResult, score_set
from .best import BestRule, deaf_loss
from .divergence import are_weights_sound, explain_end, name_clips
from .forward_pass import ForwardPass
from .frozen_stack import FrozenStack
from .gradients import Gradients
from .patience import Patience
from .plan import Plan, Surroundings, ValidationSets
from .state import TrainingState
from .validator import Validator

_log = logging.getLogger(__name__)

_NON_FINITE_STEPS_BEFORE_STOP = 5


class Interrupted(BaseException):
    """The user asked to stop; everything is saved. Not an `Exception`, which could be caught."""


class Trainer:
    """Trains a model; see `train`."""

    def __init__(
        self,
        state: TrainingState,
        pipeline: TrainingPipeline,
        sets: ValidationSets,
        loader: BatchLoader,
        plan: Plan,
        around: Surroundings,
    ) -> None:
        self._state = state
        self._model = state.model
        self._optimizer = state.optimizer
        self._precision = state.precision
        self.progress = state.progress
        self.pipeline = pipeline
        self.sets = sets
        self._plan = plan
        self._around = around
        self._world = around.world
        self._gradients = Gradients()
        device = next(state.model.parameters()).device
        self._generator = torch.Generator(device)
        if self._world.shares_weights:  # frozen layers cannot be computed by one process alone
            self._frozen = FrozenStack(device, 0)
        else:
            self._frozen = FrozenStack(
                device,
                cache=around.hidden_cache,
                batches_recur=pipeline.sampler.regroup is None,
            )
        self._forward_pass = ForwardPass(
            model=state.model,
            frozen=self._frozen,
            precision=state.precision,
            objective=plan.objective,
            inner_layer=plan.inner_layer,
            self_training=plan.self_training,
            loader=pipeline.loader,
        )
        self._validator = Validator(
            state=state,
            loader=loader,
            frozen=self._frozen,
            decoder=around.decoder,
            report=around.report,
            bar=around.bar,
            between_batches=self._between_batches,
            world=around.world,
            advice_on_new_layers=plan.advice_on_new_layers,
        )
        self._saved_at = around.clock()
        self._patience = Patience(plan.schedule)
        self._best_rule = BestRule(
            plan.schedule.best_by,
            deaf_loss(
                clip.transcript
                for groups in sets.dev.values()
                for clips in groups
                for clip in clips
            ),
        )

    def train(self) -> None:
        """Train until all epochs are done or validation no longer improves.

        Raises:
            Interrupted: the user asked to stop; a checkpoint has been saved.
            TrainingError: the loss stays infinite or NaN, or the weights have diverged.
        """
        self._finish_if_done()
        self._around.report.begin()
        while not self.progress.finished:
            self._freeze_layers()
            if self._around.new_epoch(self.progress.epoch):
                self._frozen.forget()
            self._train_epoch()
            self._end_epoch()
        self._save("last")
        self._gradients.close()
        self._around.report.end(
            self.progress.finished, [Epoch.from_json(epoch) for epoch in self.progress.history]
        )

    def _finish_if_done(self) -> None:
        epochs = self._plan.epochs
        if self.progress.planned_epoch >= epochs and not self.progress.finished:
            last = epochs + self.progress.waited_epochs
            self.progress.finished = f"epoch {last} of {last} is done"

    def try_step(self, clips: Sequence[Clip]) -> None:
        """Do a forward and a backward pass, and discard the gradients: see `memory_check`."""
        dropout = Dropout(self._plan.dropout_rates, self._generator)
        self._freeze_layers()
        self._model.eval()  # running statistics must not change
        batch = self.pipeline.load_longest(clips)
        with self._world.stepping():
            torch.autograd.backward(self._forward_pass.losses(batch, dropout).mean())
        self._optimizer.zero_grad()

    def _freeze_layers(self) -> None:
        freezing, epoch = self._plan.freezing, self.progress.planned_epoch
        freezing.apply(self._model, epoch)
        self._frozen.set_depth(freezing.depth(self._model.specification.layers, epoch))
        self._gradients.close()
        trained = [one for one in self._model.parameters() if one.requires_grad]
        self._gradients = self._world.gradients(trained)

    def _train_epoch(self) -> None:
        progress, own = self.progress, self._plan.self_training
        if own:
            own.begin_epoch()
            if progress.epoch == own.first_epoch:  # batches change, so cached outputs do not apply
                self._frozen.forget()
        self._around.report.begin_epoch(progress.epoch, is_whole=progress.batch == 0)
        self._model.train()
        title = f"Epoch {progress.epoch} |   Training"
        with self._around.bar(title, self.pipeline.batches_in(progress.epoch)) as bar:
            bar.start_at(progress.batch)
            for step in self.pipeline.epoch(
                progress.epoch,
                progress.batch,
                self._plan.batches_per_step,
                reuses=self._frozen.depth > 0,
            ):
                self._train_step(step)
                progress.batch += len(step.groups)
                bar.advance(step.groups.clip_count, progress.mean_loss, len(step.groups))
                self._between_batches()
        self._around.report.trained(progress.epoch, progress.step, progress.mean_loss)
        if own:
            own.log_epoch(self._world)

    def _train_step(self, step: Step) -> None:
        """Update the weights once, by the mean gradient over all clips of the step's batches."""
        progress = self.progress
        self._optimizer.zero_grad()
        value, losses = self._add_gradients(step)
        (value,) = self._world.total(value)
        norm = self._precision.gradient_norm(self._model) if math.isfinite(value) else math.nan
        progress.step += 1
        if not math.isfinite(norm):
            self._skip_step(step, losses, value)
            return
        progress.non_finite_steps = 0
        self._optimizer.learning_rate = self._learning_rate()
        self._precision.clip(self._model, norm, self._plan.max_gradient_norm)
        self._precision.step(self._optimizer)
        if self._state.average:
            self._state.average.update(self._model)
        progress.loss_sum += value
        progress.loss_count += 1
        self._around.report.step(
            progress.step,
            step.groups.total_seconds,
            step_loss=value,
            gradient_norm=norm,
            learning_rate=self._optimizer.learning_rate,
        )

    def _add_gradients(self, step: Step) -> tuple[float, list[float]]:
        """Compute the gradients of a step over all processes.

        Returns:
            This process's part of the step's loss, and the loss of each of its clips.
        """
        value, heard, clip_count = 0.0, list[float](), step.groups.clip_count
        for number, (place, batch) in enumerate(step.batches, 1):
            with self._world.stepping():
                losses = self._forward_pass.losses(batch, self._dropout(place))
                heard += losses.tolist()
                loss = losses.sum() / clip_count
                value += loss.item()
                if number == len(step.batches):
                    self._gradients.expect()
                self._precision.backward(loss)
        self._gradients.finish()
        own = len(step.batches) - step.stand_ins
        self._world.average_(trained_statistics(self._model), weight=own)
        return value, heard

    def _dropout(self, place: int) -> Dropout:
        """Return the dropout of a batch; its masks do not depend on the process."""
        number = self.progress.epoch * len(self.pipeline) + place
        self._generator.manual_seed(self._plan.seed * 1_000_003 + number)
        return Dropout(self._plan.dropout_rates, self._generator)

    def _learning_rate(self) -> float:
        """Return the learning rate of the coming step, reduced by plateaus and the schedule."""
        progress = self.progress
        batches = self.pipeline.batches_in(progress.epoch)
        done = (progress.planned_epoch + progress.batch / batches) / self._plan.epochs
        return progress.learning_rate * self._plan.learning_rates.factor(done)

    def _skip_step(self, step: Step, losses: Sequence[float], value: float) -> None:
        """Skip a step whose loss or gradient is not finite, and log the files."""
        if math.isfinite(value) and self._precision.skip():
            return
        own = (clip for _, batch in step.batches for clip in batch.clips)
        bad = [clip for clip, loss in zip(own, losses, strict=False) if not math.isfinite(loss)]
        found = [*dict.fromkeys(clip for some in self._world.gather(bad) for clip in some)]
        blamed = found or [clip for group in step.groups for clip in group.clips]
        names = name_clips(blamed)
        progress = self.progress
        progress.non_finite_steps += 1
        _log.error("The loss is infinite or NaN; skipping this step; files: %s", names)
        if progress.non_finite_steps >= _NON_FINITE_STEPS_BEFORE_STOP:
            raise self._give_up(names)

    def _between_batches(self) -> None:
        """Save if a checkpoint is due; save and stop if the user asked to."""
        seconds, interval = self._around.clock() - self._saved_at, self._plan.checkpoint_seconds
        is_due = bool(interval) and seconds >= interval
        stops, is_due = self._world.any(self._around.interrupted(), is_due)
        if stops or is_due:
            self._save("last")
        if stops:
            raise Interrupted

    def _save(self, kind: Kind) -> str:
        """Save a checkpoint, unless weights are not finite."""
        if not are_weights_sound(self._model):
            raise self._give_up("")
        self._saved_at = self._around.clock()
        return self._around.folder.save(kind, self._state)

    def _give_up(self, names: str) -> UserError:
        error = explain_end(self._model, self.progress, self._around.folder.last, names)
        return self._world.of_all(error)

    def _end_epoch(self) -> None:
        """Validate, save the best, and advance to the next epoch."""
        progress = self.progress
        done = Epoch(progress.epoch, progress.mean_loss)
        left = self._plan.epochs - progress.planned_epoch - 1
        alike = self._plan.freezing.alike_after(progress.planned_epoch)
        if self.sets.dev:
            dev = score_set(self._validator.evaluate("dev", self.sets.dev))
            best = self._after_validation(dev)
            done = replace(done, loss=dev.loss, wer=dev.wer, cer=dev.cer, best=best)
        if self.sets.metrics:
            self._validator.evaluate("metrics", self.sets.metrics)
        self._around.report.end_epoch(progress.epoch, left, alike)
        progress.history = [*progress.history, done.as_json()]
        progress.begin_epoch(progress.epoch + 1)
        if done.cer is not None:
            self._plan.freezing.wait(progress, done.cer)
        self._finish_if_done()
        if not self.progress.finished:
            self._save("last")

    def _after_validation(self, dev: SetResult) -> bool:
        """Save the best, stop early or react to a plateau; return whether the epoch is the best."""
        progress, patience = self.progress, self._patience
        patience.count(progress, dev.loss)
        best = self._best_rule.take(progress, dev.loss, dev.cer)
        if best:
            progress.best_checkpoint = self._save("best")
            _log.info(
                "Saved new best validating model with loss %f, CER %f to: %s",
                dev.loss, dev.cer, progress.best_checkpoint,
            )  # fmt: skip
        if patience.is_at_end(progress):
            stale = counted(progress.epochs_without_improvement, "epoch")
            progress.finished = f"validation did not improve for {stale} (--early_stop)"
            _log.info("Early stop triggered as the loss did not improve the last %s", stale)
        elif patience.is_on_plateau(progress):
            self._leave_plateau()
        return best

    def _leave_plateau(self) -> None:
        """Return to this run's best weights with a lower learning rate."""
        progress = self.progress
        if progress.best_checkpoint:
            _log.info("Loading best validating checkpoint from %s", progress.best_checkpoint)
            best = self._around.folder.reload(progress.best_checkpoint)
            load_weights(self._model, best.tensors)
            load_weights(self._state.validated_model, best.tensors)
            self._optimizer.forget_directions()
        progress.learning_rate *= self._plan.schedule.plateau_reduction
        _log.info("Encountered a plateau, reducing learning rate to %g", progress.learning_rate)
