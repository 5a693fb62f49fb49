"""The prompts and the engine of `chinchilla predict`: of a run, a model, an endpoint."""

from collections.abc import Callable
from pathlib import Path

from chinchilla.dataset.read import MANIFEST, read_confusions, read_labels
from chinchilla.errors import ConfigError
from chinchilla.predict.answer_log import AnswerJob
from chinchilla.predict.endpoint import Endpoint
from chinchilla.predict.engine import UNKNOWN_ANSWER, Engine, room_for
from chinchilla.predict.extract import PredictOptions, PromptRendering, rendering_of
from chinchilla.predict.grammars import grammar_of
from chinchilla.runs.evaluate import pools_of
from chinchilla.runs.folder import RUN, finished_run, is_run, read_run
from chinchilla.templates import template_hashes
from chinchilla.train.data import check_templates, open_data


def rendering_for(options: PredictOptions) -> PromptRendering:
    """Return how the run's build asked, or the build named.

    Raises:
        ConfigError: there is neither a run nor a build, or the build is not that of the run.
        TrainError: prompts are worded otherwise by now than when the run was trained.
    """
    model, subtasks = Path(options.model), options.subtasks
    data = None if options.processed is None else open_data(options.processed, "all", ())
    if is_run(model):
        run = finished_run(model)
        check_templates("trained", run.data.templates, template_hashes())
        if data is not None and data.processed.sha256 != run.data.manifest:
            what = "not the build that this run was trained on (another manifest)"
            raise ConfigError(str(data.folder), what, "leave --processed out, or name that build")
        folder, hashes, named_by = model, run.kept_files(), RUN
        config = run.data.build
        subtasks = subtasks or tuple(run.config.subtasks)
    elif data is not None:
        folder, hashes, named_by = data.folder, data.processed.hashes, MANIFEST
        config = data.processed.manifest.config.model_dump(mode="json")
    else:
        what = "not a run, so it brings no labels and no prompts"
        raise ConfigError(options.model, what, "pass --processed with a build")
    labels = read_labels(folder, hashes, named_by)
    confusions = read_confusions(folder, hashes, named_by)
    rendering = rendering_of(config, labels, confusions, subtasks)
    if data is not None and rendering.prompts.demonstrations:
        return rendering._replace(pools=pools_of(data, rendering))
    return rendering


def open_predictor(
    options: PredictOptions, say: Callable[[str], None], *, forgiving: bool
) -> tuple[Engine, AnswerJob]:
    """Return what answers, and what decides its answers.

    A `forgiving` endpoint leaves out the prompts that it refuses. `say` gets one line before a
    download, or where answers cannot be constrained.

    Raises:
        ConfigError: an option cannot be used.
        EngineError: the model cannot be loaded.
    """
    if not options.at_endpoint:
        from chinchilla.runs.model import EngineOptions, open_engine

        wanted = EngineOptions(
            options.batch_size, options.max_new_tokens or 0, constrained=options.constrained
        )
        return open_engine(options.model, wanted, say, options.trust_remote_code)
    if options.base_url is None:
        raise ConfigError("--engine openai", "no endpoint", "pass --base-url, as far as /v1")
    run = is_run(Path(options.model))
    if options.model_name is None and run:
        todo = "pass --model-name with the name that the server gives it"
        raise ConfigError(options.model, "a run, and the endpoint knows no runs", todo)
    usual = room_for(read_run(Path(options.model)).longest_answer) if run else UNKNOWN_ANSWER
    endpoint = options.endpoint(
        options.base_url, options.model_name or options.model, options.max_new_tokens or usual
    )
    engine = Endpoint(endpoint, grammar_of if options.constrained else None, forgiving=forgiving)
    return engine, endpoint.job
