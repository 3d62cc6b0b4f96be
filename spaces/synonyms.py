"""What others call our domains, samplers, schedulers and keys of the sweep file, for error hints.

Words stand here as `errors.fold` leaves them: small letters without separators. A meaning is a
name, a path of the sweep file ("budget.trials"), or a form that begins with the name; where there
are several, a person has to choose. `trainables.synonyms` has the words of training.
"""

from collections.abc import Mapping

_RANGE, _LOG_RANGE = "{float: [low, high]}", "{float: [low, high], log: true}"
_INT, _LOG_INT = "{int: [low, high]}", "{int: [low, high], log: true}"
_CHOICE = "{choice: [a, b]}"
_DIRECTION = "objective.maximize objective.minimize"

_MEANINGS: Mapping[str, str] = {
    # domains
    "uniform real floatuniform suggestuniform suggestfloat quniform min max low high lower upper "
    "bounds distribution type": _RANGE,
    "loguniform reciprocal floatlog logfloat suggestloguniform qloguniform log10uniform logrange "
    "loguniformvalues": _LOG_RANGE,
    "randint integer uniformint intuniform quniformint qrandint suggestint": _INT,
    "lograndint intlog logint qlograndint": _LOG_INT,
    "categorical choices options values enum oneof gridsearch suggestcategorical sample": _CHOICE,
    "const fixed value": "{constant: value}",
    # samplers, schedulers, executors
    "bayesian bayes bayesianoptimization bayesopt bo hyperopt optuna optunasearch parzen": "tpe",
    "rand randomizedsearch randomizedsearchcv": "random",
    "gridsearchcv exhaustive": "grid",
    "qmc quasirandom quasimontecarlo halton lowdiscrepancy": "sobol",
    "gaussianprocess kriging botorch": "gp",
    "cma evolutionstrategy": "cmaes",
    "nsga nsgaii genetic evolutionary geneticalgorithm": "nsga2",
    "asynchyperband successivehalving asyncsuccessivehalving sha halving": "asha",
    "fifo nop no off never": "none",
    "ray raytune": "tune",
    "local debug sync sequential serial": "inline",
    "vectorized vectorised stacked batched vmap": "packed",
    # keys of the sweep file
    "ntrials numtrials maxtrials numsamples nsamples niter maxevals": "budget.trials",
    "maxepochs numepochs nepochs epoch maxt maxresource maxiter": "budget.epochs",
    "timeout maxtime timebudget timebudgets timelimit walltime": "budget.time",
    "metric monitor scoring targetmetric mode direction directions": _DIRECTION,
    "maximise": "objective.maximize",
    "minimise": "objective.minimize",
    "searchspace paramspace parameters params hyperparameters hyperparams config "
    "paramdistributions paramgrid": "space",
    "dataset datasets datasource datafile traindata trainingdata csv file": "data.source",
    "label labels targetcolumn": "data.target",
    "testsize valsize trainsize validationsplit validationsize": "data.split",
    "validationdata valdata": "data.validation",
    "testdata": "data.test",
    "groups": "data.group",
    "pruner earlystopping earlystop": "scheduler",
    "searchalg algorithm searcher suggester method strategy": "sampler",
    "randomstate randomseed rng": "seed",
    "njobs numworkers workers maxconcurrenttrials parallelism concurrency": "max_concurrent",
    "cv nfolds kfold kfolds nsplits crossvalidation": "folds",
    "backend runner engine": "executor",
    "gpu ngpus numgpus cuda device": "resources.gpus",
    "cpu ncpus numcpus threads": "resources.cpus",
    "resourcespertrial": "resources",
    "criterion lossfn lossfunction": "loss",
    "trainable trainfn trainingfunction function": "train",
    "network net architecture modelname": "model",
    "studyname experimentname title project": "name",
    "repeats replicates nseeds": "seeds",
    "pointstoevaluate initialpoints enqueue warmstart": "start",
    "maxfailures maxretries": "retries",
    "checkpointfreq checkpointfrequency": "checkpoint.every",
    "problem problemtype tasktype": "task",
}
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    word: (meaning,) if "{" in meaning else tuple(meaning.split())
    for words, meaning in _MEANINGS.items()
    for word in words.split()
}
