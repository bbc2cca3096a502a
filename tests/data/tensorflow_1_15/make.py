"""Write the files of this folder with TensorFlow 1.15 (Python 3.7): `python make.py FOLDER`.

The model is a layer-normalised DeepSpeech graph of n_hidden 8 and 6 classes, trained for seven
steps on noise. The files are its checkpoint, its variables and logits (truth.npz), and its exports
by TensorFlow's converter.
"""

import struct
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as tfv1

HIDDEN, CLASSES, FRAMES, WINDOW = 8, 6, 16, 19


def variable(name, shape, seed):
    initial = tfv1.random_normal_initializer(stddev=0.1, seed=seed)
    return tfv1.get_variable(name, shape, initializer=initial)


def dense(name, x, units, is_last=False):
    with tfv1.variable_scope(name):
        bias = variable("bias", [units], 1)
        weights = variable("weights", [x.shape[-1], units], ord(name[-1]))
        y = tf.nn.bias_add(tf.matmul(x, weights), bias)
        return y if is_last else tf.contrib.layers.layer_norm(tf.minimum(tf.nn.relu(y), 20.0))


def fused_lstm(x, _):
    with tfv1.variable_scope("cudnn_lstm/rnn/multi_rnn_cell/cell_0"):
        cell = tf.contrib.rnn.LSTMBlockFusedCell(
            HIDDEN, forget_bias=0, name="cudnn_compatible_lstm_cell"
        )
        return cell(inputs=x, dtype=tf.float32, sequence_length=[FRAMES])


def unrolled_lstm(x, state):
    with tfv1.variable_scope("cudnn_lstm/rnn/multi_rnn_cell"):
        cell = tfv1.nn.rnn_cell.LSTMCell(HIDDEN, forget_bias=0, name="cudnn_compatible_lstm_cell")
        frames = [x[t] for t in range(FRAMES)]
        outputs, state = tfv1.nn.static_rnn(
            cell=cell, inputs=frames, initial_state=state, dtype=tf.float32, scope="cell_0"
        )
        return tf.concat(outputs, 0), state


def graph(x, lstm, state=None):
    for layer in "123":
        x = dense("layer_" + layer, x, HIDDEN)
    outputs, state = lstm(tf.reshape(x, [FRAMES, 1, HIDDEN]), state)
    x = dense("layer_5", tf.reshape(outputs, [FRAMES, HIDDEN]), HIDDEN)
    return dense("layer_6", x, CLASSES, is_last=True), state


def train(folder):
    inputs = np.random.RandomState(0).randn(FRAMES, WINDOW * 26).astype(np.float32)
    with tf.Graph().as_default(), tfv1.Session() as session:
        x = tfv1.placeholder(tf.float32, inputs.shape)
        logits, _ = graph(x, fused_lstm)
        step = tfv1.train.get_or_create_global_step()
        rate = tfv1.get_variable("learning_rate", initializer=0.0003, trainable=False)
        loss = tf.reduce_sum(logits**2) / 10
        update = tfv1.train.AdamOptimizer(rate).minimize(loss, global_step=step)
        session.run(tfv1.global_variables_initializer())
        for v in tfv1.trainable_variables():  # so that gains are not 1 and biases not 0
            session.run(v.assign_add(tf.random.normal(v.shape, stddev=0.2, seed=len(v.op.name))))
        for _ in range(7):
            session.run(update, {x: inputs})
        saver = tfv1.train.Saver()
        saver.save(session, str(folder / "train"), global_step=step, write_meta_graph=False)
        values = {v.op.name: session.run(v) for v in tfv1.trainable_variables()}
        values["logits"] = session.run(logits, {x: inputs})
        np.savez_compressed(folder / "truth.npz", x=inputs, **values)


def export(folder, name, types):
    with tf.Graph().as_default(), tfv1.Session() as session:
        windows = tfv1.placeholder(tf.float32, [1, FRAMES, WINDOW, 26], name="input_node")
        c = tfv1.placeholder(tf.float32, [1, HIDDEN], name="previous_state_c")
        h = tfv1.placeholder(tf.float32, [1, HIDDEN], name="previous_state_h")
        state = tf.nn.rnn_cell.LSTMStateTuple(c, h)
        x = tf.reshape(tf.transpose(windows, [1, 0, 2, 3]), [FRAMES, WINDOW * 26])
        logits, state = graph(x, unrolled_lstm, state)
        labels = [bytes([97 + i]) for i in range(CLASSES - 1)]
        alphabet = struct.pack("<H", len(labels))
        alphabet += b"".join(struct.pack("<HH", i, 1) + label for i, label in enumerate(labels))
        outputs = [
            tf.nn.softmax(logits, name="logits"),
            tf.identity(state.c, name="new_state_c"),
            tf.identity(state.h, name="new_state_h"),
            tf.constant([16000], name="metadata_sample_rate"),
            tf.constant([32], name="metadata_feature_win_len"),
            tf.constant([20], name="metadata_feature_win_step"),
            tf.constant([alphabet], name="metadata_alphabet"),
        ]
        tfv1.train.Saver().restore(session, tfv1.train.latest_checkpoint(str(folder)))
        frozen = tfv1.graph_util.convert_variables_to_constants(
            session, session.graph.as_graph_def(), [output.op.name for output in outputs]
        )
        converter = tf.lite.TFLiteConverter(frozen, [windows, c, h], outputs)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = types
        (folder / name).write_bytes(converter.convert())


if __name__ == "__main__":
    target = Path(sys.argv[1])
    train(target)
    export(target, "int8.tflite", [])
    export(target, "float16.tflite", [tf.float16])
