"""What others call our hyperparameters, optimizers, metrics, losses …, for error hints.

Words stand here in small letters without separators. A word with several meanings is resolved by
what is allowed where it stands. `spaces.synonyms` has the words of searching and of the sweep file.
"""

from __future__ import annotations

from collections.abc import Mapping

_MEANINGS: Mapping[str, str] = {
    # hyperparameters
    "learningrate learnrate lrate eta stepsize initiallr baselr": "lr",
    "weightdecay wd decay l2reg l2regularization l2regularisation regularization ridge": "l2",
    "l1reg l1regularization l1regularisation lasso": "l1",
    "batch bs minibatch minibatchsize trainbatchsize": "batch_size",
    "gradclip gradientclipping gradclipnorm gradientclipval clipgradnorm maxgradnorm maxnorm "
    "clipnorm gradientclip": "clip_norm",
    "clipgradvalue gradclipvalue": "clip_value",
    "dropoutrate droprate dropoutprob pdrop": "dropout",
    "hiddensize hiddensizes hiddendim hiddendims hiddenunits hiddenlayers hiddenlayersizes units "
    "nunits numunits nhidden layersizes widths": "hidden width",
    "numlayers nlayers layers depth nhiddenlayers numhiddenlayers": "layers hidden",
    "dmodel embeddim modeldim": "width embedding",
    "nheads numheads nhead attentionheads": "heads",
    "filters nfilters numfilters outchannels": "channels",
    "kernelsize": "kernel",
    "latentdim latentsize zdim bottleneck codesize": "latent code",
    "embeddingdim embeddingsize": "embedding factors",
    "optim optimiser optimizerclass optimizername solver": "optimizer",
    "scheduler lrscheduler lrschedule learningrateschedule": "schedule",
    "earlystopping earlystoppingpatience earlystoppingrounds niternochange": "patience",
    "activationfunction activationfn act nonlinearity": "activation nonlinearity",
    "initializer initialiser initialization weightinit kernelinitializer": "init",
    "normalization normalisation normlayer": "norm",
    "smoothing labelsmooth": "label_smoothing",
    "gaussiannoise inputnoise noisestd": "noise",
    "classweights": "class_weight",
    "sampler": "sampling",
    "dtype amp mixedprecision": "precision",
    # values of hyperparameters
    "fp32 float full": "float32",
    "fp16 half": "float16",
    "bf16": "bfloat16",
    "batchnorm batchnorm1d batchnorm2d bn batchnormalization": "batch norm",
    "layernorm ln layernormalization": "layer norm",
    "swish": "silu",
    "lrelu leaky": "leaky_relu",
    "logistic": "sigmoid",
    "kaiming kaiminguniform he": "he_uniform",
    "kaimingnormal": "he_normal",
    "xavier glorot glorotuniform": "xavier_uniform",
    "glorotnormal": "xavier_normal",
    "cosineannealing cosineannealinglr cosinedecay": "cosine",
    "onecyclelr": "one_cycle",
    "reducelronplateau reduceonplateau": "plateau",
    "steplr stepdecay": "step",
    "betas": "beta1 beta2",
    "epsilon": "eps",
    # metrics and losses
    "acc accuracy valacc accuracyscore validationaccuracy evalaccuracy "
    "testaccuracy": "val_accuracy",
    "balancedaccuracyscore": "val_balanced_accuracy",
    "trainacc trainingaccuracy": "train_accuracy",
    "loss valloss validationloss evalloss testloss": "val_loss",
    "trainingloss": "train_loss",
    "auc valauc auroc valauroc rocaucscore": "val_roc_auc",
    "f1score valf1score macrof1 f1macro": "val_f1",
    "r2score rsquared valr2score": "val_r2",
    "logloss neglogloss crossentropy valcrossentropy ce celoss nll nllloss crossentropyloss "
    "categoricalcrossentropy sparsecategoricalcrossentropy softmax": "cross_entropy val_log_loss",
    "bce bceloss bcewithlogits bcewithlogitsloss binarycrossentropy": "binary_cross_entropy",
    "mseloss l2 l2loss squarederror meansquarederror": "mse val_mse",
    "maeloss l1 l1loss absoluteerror meanabsoluteerror": "mae val_mae",
    "rootmeansquarederror": "val_rmse",
    "huberloss": "huber",
    "smoothl1loss": "smooth_l1",
    "focalloss": "focal",
    # models and tasks
    "mlpclassifier mlpregressor feedforward ffn ffnn dnn nn dense fullyconnected perceptron": "mlp",
    "convnet conv convolutional resnet": "cnn",
    "bilstm": "lstm",
    "vae ae": "autoencoder",
    "matrixfactorization collaborativefiltering": "recommender",
    "adversarial": "gan",
    "classify classifier": "classification",
    "regress regressor": "regression",
    "timeseries forecast": "forecasting series",
}
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    word: tuple(meanings.split()) for words, meanings in _MEANINGS.items() for word in words.split()
}
