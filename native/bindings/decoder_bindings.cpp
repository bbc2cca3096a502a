// The Python face of the core. It converts and checks shapes; it decides nothing.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "ctc/aligner.h"
#include "ctc/ctc_loss.h"
#include "errors.h"
#include "kernels/frame_kernel.h"
#include "lm/dictionary_builder.h"
#include "lm/scorer.h"
#include "search/batch.h"
#include "search/beam_search.h"

namespace nb = nanobind;

namespace stt {
namespace {

template <typename Real, size_t Dimensions>
using Array = nb::ndarray<const Real, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;

template <size_t Dimensions>
using Output = nb::ndarray<float, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;

std::string_view view(const nb::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }

std::vector<std::string> strings(const std::vector<nb::bytes>& list) {
  std::vector<std::string> texts;
  for (const auto& bytes : list) texts.emplace_back(view(bytes));
  return texts;
}

std::shared_ptr<Scorer> open_scorer(const std::string& path, const std::vector<nb::bytes>& labels,
                                    int space, bool is_bytes, const nb::bytes& alphabet_hash) {
  return std::make_shared<Scorer>(path, Labels{strings(labels), space, is_bytes},
                                  view(alphabet_hash));
}

double log_cond_prob(const Scorer& scorer, const std::vector<nb::bytes>& words, bool from_start) {
  const NgramModel& model = scorer.model();
  NgramState state = from_start ? model.sentence_start() : NgramState{}, next;
  double log_prob = 0;
  for (const auto& text : words) {
    const WordIndex word = model.find(view(text));
    if (word == kUnknownWord) return WordContexts::kUnknownLogProb;
    log_prob = static_cast<double>(model.score(state, word, next)) / 0.4342944819;
    state = next;
  }
  return log_prob;
}

bool spells(const Scorer& scorer, const std::vector<int>& labels) {
  auto state = scorer.dictionary().start();
  for (const int label : labels) {
    if (state == Dictionary::kNone) return false;
    state = scorer.dictionary().next(state, label);
  }
  return state == scorer.dictionary().start();
}

// Bytes that the language model takes at the start of a file, and the file's size.
std::pair<uint64_t, uint64_t> language_model_size(const std::string& path) {
  const MappedFile file(path);
  try {
    return {NgramModel(file.bytes()).end_offset(), file.bytes().size()};
  } catch (const ScorerError& error) {
    throw ScorerError("language model " + path + ": " + error.what());
  }
}

// Which words the language model of a file knows.
std::vector<bool> model_knows(const std::string& path, const std::vector<nb::bytes>& words) {
  const MappedFile file(path);
  const NgramModel model(file.bytes());
  std::vector<bool> known;
  for (const auto& word : words) known.push_back(model.find(view(word)) != kUnknownWord);
  return known;
}

// A search that Python threads may share: they take turns.
struct SharedSearch {
  SharedSearch(const DecoderOptions& options, std::shared_ptr<const Scorer> scorer)
      : search(options, std::move(scorer)) {}
  explicit SharedSearch(const BeamSearch& other) : search(other) {}

  BeamSearch search;
  std::mutex turn;
};

template <typename Real>
void feed(SharedSearch& shared, const Array<Real, 2>& probs, int classes) {
  if (probs.shape(1) != static_cast<size_t>(classes)) {
    throw DecodeError("the posteriors have " + std::to_string(probs.shape(1)) +
                      " classes, the decoder was made for " + std::to_string(classes));
  }
  const nb::gil_scoped_release unlocked;
  const std::lock_guard lock(shared.turn);
  shared.search.feed(probs.data(), static_cast<int64_t>(probs.shape(0)));
}

std::vector<Hypothesis> decode(SharedSearch& shared, int64_t num_results) {
  const nb::gil_scoped_release unlocked;
  const std::lock_guard lock(shared.turn);
  return shared.search.decode(num_results);
}

std::unique_ptr<SharedSearch> copy(SharedSearch& shared) {
  const nb::gil_scoped_release unlocked;
  const std::lock_guard lock(shared.turn);
  return std::make_unique<SharedSearch>(shared.search);
}

int64_t frames(SharedSearch& shared) {
  const nb::gil_scoped_release unlocked;
  const std::lock_guard lock(shared.turn);
  return shared.search.frames();
}

// An aligner that Python threads may share: they take turns.
struct SharedAligner {
  SharedAligner(const AlignerOptions& options, std::vector<int> labels,
                const std::vector<int64_t>& unit_lengths)
      : aligner(options, std::move(labels), unit_lengths), classes(options.classes) {}

  Aligner aligner;
  const int classes;
  std::mutex turn;
};

std::vector<LabelSpan> align(SharedAligner& shared, const Array<float, 2>& probs) {
  if (probs.shape(1) != static_cast<size_t>(shared.classes)) {
    throw DecodeError("the posteriors have " + std::to_string(probs.shape(1)) +
                      " classes, the aligner was made for " + std::to_string(shared.classes));
  }
  const nb::gil_scoped_release unlocked;
  const std::lock_guard lock(shared.turn);
  shared.aligner.feed(probs.data(), static_cast<int64_t>(probs.shape(0)));
  return shared.aligner.take();
}

std::vector<LabelSpan> finish_alignment(SharedAligner& shared) {
  const nb::gil_scoped_release unlocked;
  const std::lock_guard lock(shared.turn);
  return shared.aligner.finish();
}

int64_t kept_frames(SharedAligner& shared) {
  const nb::gil_scoped_release unlocked;
  const std::lock_guard lock(shared.turn);
  return shared.aligner.kept_frames();
}

template <typename Real>
std::vector<std::vector<Hypothesis>> batch(const Array<Real, 3>& probs,
                                           const std::vector<int64_t>& lengths,
                                           const DecoderOptions& options,
                                           std::shared_ptr<const Scorer> scorer,
                                           int64_t num_results, int threads) {
  if (lengths.size() != probs.shape(0)) {
    throw DecodeError("there are " + std::to_string(probs.shape(0)) + " utterances and " +
                      std::to_string(lengths.size()) + " lengths");
  }
  if (probs.shape(2) != static_cast<size_t>(options.classes)) {
    throw DecodeError("the posteriors have " + std::to_string(probs.shape(2)) +
                      " classes, the alphabet makes " + std::to_string(options.classes));
  }
  const PosteriorBatch<Real> input{probs.data(), static_cast<int64_t>(probs.shape(1)),
                                   options.classes, lengths};
  const nb::gil_scoped_release unlocked;
  return decode_batch(input, options, scorer, num_results, threads);
}

// `occupancies` has the shape of `log_probs`, or nothing in it.
void ctc_loss(const Array<float, 3>& log_probs, const Array<int64_t, 1>& lengths,
              const Array<int64_t, 1>& labels, const Array<int64_t, 1>& label_lengths, int threads,
              const Output<1>& losses, const Output<3>& occupancies) {
  const bool wants_occupancies = occupancies.size() > 0;
  for (size_t d = 0; wants_occupancies && d < 3; ++d) {
    if (occupancies.shape(d) != log_probs.shape(d)) {
      throw DecodeError("the occupancies' shape is not that of the log-probabilities");
    }
  }
  if (losses.size() != log_probs.shape(0)) throw DecodeError("there is not a loss for each clip");
  const CtcBatch batch{log_probs.data(),
                       static_cast<int64_t>(log_probs.shape(0)),
                       static_cast<int64_t>(log_probs.shape(1)),
                       static_cast<int64_t>(log_probs.shape(2)),
                       {lengths.data(), lengths.size()},
                       {labels.data(), labels.size()},
                       {label_lengths.data(), label_lengths.size()}};
  const nb::gil_scoped_release unlocked;
  ctc_losses(batch, threads, losses.data(), wants_occupancies ? occupancies.data() : nullptr);
}

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const FrameKernel* kernel : frame_kernels()) names.emplace_back(kernel->name);
  return names;
}

void use_kernel(std::string_view name) {
  for (const FrameKernel* kernel : frame_kernels()) {
    if (name == kernel->name) return use_frame_kernel(*kernel);
  }
  throw nb::value_error("this processor runs no kernel of that name");
}

// Raises `error` as the class of this name in the package's errors module. Words of a damaged file
// that it quotes need not be UTF-8.
void raise_as(const char* name, const std::exception& error) {
  nb::object type = nb::module_::import_("coqui_stt_ctcdecoder.errors").attr(name);
  const std::string_view what = error.what();
  const nb::object text = nb::steal(
      PyUnicode_DecodeUTF8(what.data(), static_cast<Py_ssize_t>(what.size()), "backslashreplace"));
  if (text.is_valid()) PyErr_SetObject(type.ptr(), text.ptr());
}

}  // namespace
}  // namespace stt

NB_MODULE(_native, module) {
  using namespace stt;
  nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
    try {
      std::rethrow_exception(pointer);
    } catch (const ScorerError& error) {
      raise_as("ScorerError", error);
    } catch (const DecodeError& error) {
      raise_as("DecodeError", error);
    }
  });

  module.def("kernels", &kernel_names);
  module.def("use_kernel", &use_kernel, nb::arg("name"));

  nb::class_<Scorer>(module, "Scorer")
      .def(nb::new_(&open_scorer), nb::arg("path"), nb::arg("labels"), nb::arg("space"),
           nb::arg("is_bytes"), nb::arg("alphabet_hash"))
      .def_prop_ro("is_utf8", &Scorer::is_utf8)
      .def_prop_ro("scores_labels",
                   [](const Scorer& s) { return s.unit() == ScoredUnit::kLabel; })
      .def_prop_ro("order", [](const Scorer& s) { return s.model().order(); })
      .def_prop_ro("alpha", [](const Scorer& s) { return s.header().alpha; })
      .def_prop_ro("beta", [](const Scorer& s) { return s.header().beta; })
      .def_prop_ro("has_alphabet_hash", &Scorer::has_alphabet_hash)
      .def_prop_ro("parameters_offset", &Scorer::parameters_offset)
      .def_prop_ro(
          "dictionary_size",
          [](const Scorer& s) { return std::pair(s.dictionary().states(), s.dictionary().arcs()); })
      .def(
          "knows",
          [](const Scorer& s, const nb::bytes& word) {
            return s.model().find(view(word)) != kUnknownWord;
          },
          nb::arg("word"))
      .def("spells", &spells, nb::arg("labels"))
      .def("log_cond_prob", &log_cond_prob, nb::arg("words"), nb::arg("from_start"));

  module.def("language_model_size", &language_model_size, nb::arg("path"));
  module.def("model_knows", &model_knows, nb::arg("path"), nb::arg("words"));
  module.def(
      "build_dictionary",
      [](std::vector<std::vector<int>> words, uint64_t offset) {
        const std::string built = build_dictionary(std::move(words), offset);
        return nb::bytes(built.data(), built.size());
      },
      nb::arg("words"), nb::arg("offset"));

  nb::class_<HotPhrases::Phrase>(module, "HotPhrase")
      .def("__init__", [](HotPhrases::Phrase* self, std::vector<int> labels, float boost) {
        new (self) HotPhrases::Phrase{std::move(labels), boost};
      });

  nb::class_<DecoderOptions>(module, "DecoderOptions")
      .def(nb::init<>())
      .def_rw("classes", &DecoderOptions::classes)
      .def_rw("blank", &DecoderOptions::blank)
      .def_rw("beam_size", &DecoderOptions::beam_size)
      .def_rw("cutoff_prob", &DecoderOptions::cutoff_prob)
      .def_rw("cutoff_top_n", &DecoderOptions::cutoff_top_n)
      .def_rw("alpha", &DecoderOptions::alpha)
      .def_rw("beta", &DecoderOptions::beta)
      .def_rw("ignored", &DecoderOptions::ignored)
      .def_prop_rw(
          "hot_words", [](const DecoderOptions& o) { return o.hot_words.size(); },
          [](DecoderOptions& o, const std::vector<std::pair<nb::bytes, float>>& words) {
            o.hot_words.clear();
            for (const auto& [word, boost] : words) o.hot_words.emplace(view(word), boost);
          })
      .def_rw("hot_phrases", &DecoderOptions::hot_phrases)
      .def_rw("space", &DecoderOptions::space)
      .def_rw("is_bytes", &DecoderOptions::is_bytes);

  nb::class_<Hypothesis>(module, "Hypothesis")
      .def_ro("confidence", &Hypothesis::confidence)
      .def_ro("tokens", &Hypothesis::tokens)
      .def_ro("timesteps", &Hypothesis::timesteps);

  nb::class_<SharedSearch>(module, "BeamSearch")
      .def(
          "__init__",
          [](SharedSearch* self, const DecoderOptions& options, std::shared_ptr<Scorer> scorer) {
            new (self) SharedSearch(options, std::move(scorer));
          },
          nb::arg("options"), nb::arg("scorer").none())
      .def_prop_ro("frames", &frames)
      .def("copy", &copy)
      .def("feed", &feed<float>, nb::arg("probs"), nb::arg("classes"))
      .def("feed", &feed<double>, nb::arg("probs"), nb::arg("classes"))
      .def("decode", &decode, nb::arg("num_results"));

  nb::class_<AlignerOptions>(module, "AlignerOptions")
      .def(nb::init<>())
      .def_rw("classes", &AlignerOptions::classes)
      .def_rw("blank", &AlignerOptions::blank)
      .def_rw("space", &AlignerOptions::space)
      .def_rw("filler_cost", &AlignerOptions::filler_cost)
      .def_rw("skip_cost", &AlignerOptions::skip_cost)
      .def_rw("beam", &AlignerOptions::beam)
      .def_rw("most_states", &AlignerOptions::most_states)
      .def_rw("most_memory", &AlignerOptions::most_memory);

  nb::class_<LabelSpan>(module, "LabelSpan")
      .def_ro("position", &LabelSpan::position)
      .def_ro("start_frame", &LabelSpan::start_frame)
      .def_ro("end_frame", &LabelSpan::end_frame)
      .def_ro("log_prob", &LabelSpan::log_prob)
      .def_ro("cost", &LabelSpan::cost);

  nb::class_<SharedAligner>(module, "Aligner")
      .def(nb::init<const AlignerOptions&, std::vector<int>, const std::vector<int64_t>&>(),
           nb::arg("options"), nb::arg("labels"), nb::arg("unit_lengths"))
      .def_prop_ro("kept_frames", &kept_frames)
      .def("feed", &align, nb::arg("probs"))
      .def("finish", &finish_alignment);

  module.def("decode_batch", &batch<float>, nb::arg("probs"), nb::arg("lengths"),
             nb::arg("options"), nb::arg("scorer").none(), nb::arg("num_results"),
             nb::arg("threads"));
  module.def("decode_batch", &batch<double>, nb::arg("probs"), nb::arg("lengths"),
             nb::arg("options"), nb::arg("scorer").none(), nb::arg("num_results"),
             nb::arg("threads"));

  module.def("ctc_loss", &ctc_loss, nb::arg("log_probs"), nb::arg("lengths"), nb::arg("labels"),
             nb::arg("label_lengths"), nb::arg("threads"), nb::arg("losses").noconvert(),
             nb::arg("occupancies").noconvert());
}
