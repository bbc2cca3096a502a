#include "beam_search.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "errors.h"

namespace stt {
namespace {

constexpr int64_t kLargestBeam = 1 << 24;
constexpr int kMaskedClasses = 64;      // alphabets this small keep their open steps in one word
constexpr double kSureBlank = 0.999;    // leading frames at least so sure of the blank are skipped
constexpr double kSumTolerance = 0.01;
constexpr float kRoundingSlack = 1e-3f;  // keeps bounds from dropping what exact arithmetic keeps
constexpr float kNoCutoff = -3e38f;
constexpr size_t kGarbageFloor = 4096;

size_t at(int64_t index) { return static_cast<size_t>(index); }

// Bytes of the code point that starts with this byte; 0 where none does.
uint8_t code_point_size(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >> 5 == 0x06) return 2;
  if (lead >> 4 == 0x0e) return 3;
  if (lead >> 3 == 0x1e) return 4;
  return 0;
}

bool continues_code_point(uint8_t byte) { return (byte & 0xc0) == 0x80; }

}  // namespace

void BeamSearch::Slots::resize(size_t size) {
  for (auto* column : {&blank, &label_end, &score, &bonus, &next_blank, &next_label_end, &next_score,
                       &emission, &blank_rival, &parent_score, &parent_base}) {
    column->resize(size, kLogZero);
  }
  for (auto* column : {&label, &parent, &repeats, &moved, &children}) column->resize(size);
  open.resize(size);
  node.resize(size);
  timestep.resize(size);
  state.resize(size, Dictionary::kNone);
  context.resize(size);
  phrase.resize(size);
  word.resize(size);
  word_known.resize(size);
  bytes_seen.resize(size);
  bytes_needed.resize(size);
}

SlotView BeamSearch::Slots::view() {
  return {count,
          blank.data(),
          label_end.data(),
          score.data(),
          bonus.data(),
          label.data(),
          parent.data(),
          repeats.data(),
          next_blank.data(),
          next_label_end.data(),
          next_score.data(),
          moved.data(),
          emission.data(),
          blank_rival.data(),
          parent_score.data(),
          parent_base.data()};
}

BeamSearch::BeamSearch(DecoderOptions options, std::shared_ptr<const Scorer> scorer)
    : options_(std::move(options)),
      scorer_(std::move(scorer)),
      kernel_(frame_kernel()),
      prefix_limit_(kGarbageFloor),
      timestep_limit_(kGarbageFloor),
      context_limit_(kGarbageFloor) {
  if (options_.blank < 0) options_.blank = options_.classes - 1;
  options_.ignored.resize(at(std::max(options_.classes, 0)), false);
  check_options();
  const bool whole_words = options_.space >= 0 && !options_.is_bytes;
  phrases_ = HotPhrases(options_.hot_phrases, whole_words ? options_.space : -1);
  if (scorer_ != nullptr) {
    contexts_.emplace(*scorer_, options_.hot_words);
    largest_word_bonus_ =
        options_.alpha < 0 ? -kDead
                           : static_cast<float>(options_.alpha * contexts_->largest_boost() + options_.beta);
  }

  const size_t classes = at(options_.classes);
  probs_.resize(classes);
  log_probs_.resize(classes + 1, kLogZero);
  blank_rival_.resize(classes + 1, kLogZero);
  slots_.resize(16);
  slots_.count = 1;
  slots_.score[1] = slots_.blank[1] = 0;
  slots_.bonus[1] = 0;
  slots_.label[0] = slots_.label[1] = options_.classes;
  slots_.state[1] = scorer_ != nullptr ? scorer_->dictionary().start() : Dictionary::kNone;
  slots_.phrase[1] = phrases_.start();
  slots_.open[1] = open_labels(1);
  prefixes_.set_slot(HistoryForest::kRoot, 1);
}

void BeamSearch::check_options() const {
  const auto& o = options_;
  if (o.classes < 2) throw DecodeError("the posteriors have " + std::to_string(o.classes) + " classes; a label and the blank are the least");
  if (o.blank >= o.classes) throw DecodeError("blank " + std::to_string(o.blank) + " is not among the " + std::to_string(o.classes) + " classes");
  if (o.beam_size < 1 || o.beam_size > kLargestBeam) {
    throw DecodeError("beam size " + std::to_string(o.beam_size) + " is outside 1.." + std::to_string(kLargestBeam) + "; 500 is usual");
  }
  if (!(o.cutoff_prob > 0 && o.cutoff_prob <= 1)) {
    throw DecodeError("cutoff_prob " + std::to_string(o.cutoff_prob) + " is outside (0, 1]; 1 keeps all classes");
  }
  if (o.cutoff_top_n < 1) throw DecodeError("cutoff_top_n " + std::to_string(o.cutoff_top_n) + " is below 1");
  if (!std::isfinite(o.alpha) || !std::isfinite(o.beta) || std::abs(o.alpha) > 1e6 || std::abs(o.beta) > 1e6) {
    throw DecodeError("the language model's alpha and beta must be finite and within a million");
  }
  const auto check_boost = [](float boost) {
    if (!std::isfinite(boost) || std::abs(boost) > 1e6f) {
      throw DecodeError("the boosts of hot words must be finite and within a million");
    }
  };
  for (const auto& [word, boost] : o.hot_words) check_boost(boost);
  for (const auto& phrase : o.hot_phrases) {
    check_boost(phrase.boost);
    if (phrase.labels.empty()) throw DecodeError("a hot phrase is empty");
  }
  if (scorer_ != nullptr && scorer_->labels().size() > o.classes) {
    throw DecodeError("the scorer's alphabet has " + std::to_string(scorer_->labels().size()) +
                      " labels, the posteriors only " + std::to_string(o.classes) + " classes");
  }
}

template <typename Real>
void BeamSearch::feed(const Real* probs, int64_t frames) {
  for (int64_t i = 0; i < frames; ++i) {
    const Real* row = probs + i * options_.classes;
    read_frame(row);
    started_ = started_ || static_cast<double>(row[options_.blank]) < kSureBlank;
    if (started_) step();
    ++frame_;
  }
}
template void BeamSearch::feed(const float* probs, int64_t frames);
template void BeamSearch::feed(const double* probs, int64_t frames);

template <typename Real>
void BeamSearch::read_frame(const Real* row) {
  double sum = 0;
  bool negative = false;
  for (int c = 0; c < options_.classes; ++c) {
    probs_[at(c)] = static_cast<float>(row[c]);
    sum += static_cast<double>(row[c]);
    negative |= row[c] < 0;
  }
  if (std::abs(sum - 1) <= kSumTolerance && !negative) return;
  if (!std::isfinite(sum)) {
    throw DecodeError("frame " + std::to_string(frame_) + " of the posteriors holds NaN or infinity; the model's weights or its input are broken");
  }
  throw DecodeError("frame " + std::to_string(frame_) + " of the posteriors is not a distribution: it sums to " +
                    std::to_string(sum) + (negative ? " and has negative entries" : "") +
                    "; these look like logits: apply a softmax over the classes first");
}

// Takes logarithms of the classes that are kept this frame.
void BeamSearch::cut_classes(double cutoff_prob) {
  const int classes = options_.classes, blank = options_.blank;
  kept_.clear();
  kernel_.take_logs(probs_.data(), classes, log_probs_.data());
  for (int c = 0; c < classes; ++c) {
    if (options_.ignored[at(c)]) log_probs_[at(c)] = kLogZero;
  }
  if (cutoff_prob >= 1) {
    for (int c = 0; c < classes; ++c) {
      if (c != blank && !options_.ignored[at(c)]) kept_.push_back(c);
    }
  } else {
    ranking_.clear();
    for (int c = 0; c < classes; ++c) {
      if (!options_.ignored[at(c)]) ranking_.emplace_back(probs_[at(c)], c);
    }
    std::sort(ranking_.begin(), ranking_.end(), [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
    double mass = 0;
    size_t taken = 0;
    while (taken < ranking_.size() && mass < cutoff_prob && static_cast<int64_t>(taken) < options_.cutoff_top_n) {
      mass += static_cast<double>(ranking_[taken].first);
      if (ranking_[taken].second != blank) kept_.push_back(ranking_[taken].second);
      ++taken;
    }
    for (; taken < ranking_.size(); ++taken) log_probs_[at(ranking_[taken].second)] = kLogZero;
  }
  // A blank that is taken before a label does not contest the label's timestep. Upstream takes
  // classes in order of probability where a cutoff is set, else the blank last.
  const bool sorted = options_.cutoff_prob < 1 || options_.cutoff_top_n < classes;
  const float blank_log_prob = log_probs_[at(blank)];
  for (int c = 0; c < classes; ++c) {
    const bool blank_first = sorted ? probs_[at(blank)] > probs_[at(c)] : blank < c;
    blank_rival_[at(c)] = blank_first ? kLogZero : blank_log_prob;
  }
}

void BeamSearch::step() {
  const double blank_prob = static_cast<double>(probs_[at(options_.blank)]);
  cut_classes(options_.cutoff_prob);
  if (!take_step(blank_prob)) {
    // The cutoff left no class that any prefix could take. Upstream loses its beam here; without
    // the cutoff in this one frame the blank at least keeps every prefix alive.
    cut_classes(1);
    take_step(blank_prob);
  }
  collect_garbage();
}

// Returns whether any prefix lives on; where none does nothing has changed.
bool BeamSearch::take_step(double blank_prob) {
  Slots& s = slots_;
  const bool full = s.count >= options_.beam_size;
  float lowest = 0, highest = 0;
  kernel_.extremes(s.score.data(), s.count, &lowest, &highest);
  float min_cutoff = kNoCutoff;
  if (scorer_ != nullptr && full && blank_prob > 0) {
    min_cutoff = static_cast<float>(static_cast<double>(lowest) + std::log(blank_prob) -
                                    std::max(0.0, options_.beta)) - phrases_.largest_bonus();
  }
  const FrameView frame{log_probs_.data(), blank_rival_.data(), log_probs_[at(options_.blank)], min_cutoff};
  kernel_.advance(frame, s.view());

  float next_lowest = 0, next_highest = 0;
  kernel_.extremes(s.next_score.data(), s.count, &next_lowest, &next_highest);
  float floor = full ? std::max(next_lowest, kDead) : kDead;
  candidates_.clear();
  candidate_scores_.clear();
  const size_t most = 2 * std::max(at(options_.beam_size), size_t{1024});
  for (const int label : kept_) {
    const float log_prob = log_probs_[at(label)];
    const bool ends_word = scorer_ != nullptr && (scorer_->is_utf8() || label == options_.space);
    const float bonus = (ends_word ? largest_word_bonus_ : 0.0f) + phrases_.largest_bonus();
    const float most_bonus = is_scored_utf8() ? std::max(bonus, phrases_.largest_bonus()) : bonus;
    const float needed = std::max(floor - most_bonus, min_cutoff) - log_prob;
    const float bound = needed - kRoundingSlack - 1e-6f * std::abs(needed);
    if (highest < bound) continue;
    indices_.resize(at(s.count) + 1);
    const int found = kernel_.collect_at_least(s.score.data(), s.count, bound, indices_.data());
    for (int i = 0; i < found; ++i) propose_step(indices_[at(i)], label, floor, min_cutoff);
    if (candidates_.size() > most) thin_candidates(floor);
  }
  if (next_highest <= kDead && candidates_.empty()) return false;
  select();
  if (next_lowest <= kDead) drop_dead();
  return true;
}

void BeamSearch::propose_step(int slot, int label, float floor, float min_cutoff) {
  Slots& s = slots_;
  const size_t p = at(slot);
  if (options_.classes <= kMaskedClasses) {
    if ((s.open[p] >> label & 1) == 0) return;
  } else if (is_taken(slot, label)) {
    return;
  }
  const float log_prob = log_probs_[at(label)];
  if (log_prob + s.score[p] < min_cutoff) return;
  float score = log_prob + (s.label[p] == label ? s.blank[p] : s.score[p]);
  if (score <= kDead) return;
  Candidate candidate{slot, label, 0, s.context[p], s.phrase[p]};
  if (scorer_ != nullptr) {
    if (score + std::max(largest_word_bonus_, 0.0f) + phrases_.largest_bonus() < floor) return;
    if (options_.classes > kMaskedClasses && next_state(slot, label) == Dictionary::kNone) return;
    WordContexts::Scored scored;
    if (scores_step(slot, label, scored)) {
      candidate.context = scored.next;
      candidate.bonus = static_cast<float>((scored.log_prob + scored.boost) * options_.alpha) +
                        static_cast<float>(options_.beta);
    }
  }
  if (!phrases_.empty()) {
    float bonus = 0;
    candidate.phrase = phrases_.next(s.phrase[p], label, bonus);
    candidate.bonus += bonus;
  }
  score += candidate.bonus;
  if (score < floor || score <= kDead) return;
  candidates_.push_back(candidate);
  candidate_scores_.push_back(score);
}

bool BeamSearch::is_taken(int slot, int label) const {
  if (slots_.children[at(slot)] == 0) return false;
  const Node child = prefixes_.find(slots_.node[at(slot)], label);
  return child != HistoryForest::kGone && prefixes_.slot(child) != 0;
}

// The dictionary's state after a step, kNone where it is not allowed. A hot phrase may be spelled
// outside the dictionary; the start stands for "allowed" as long as a scorer of words sees none.
Dictionary::State BeamSearch::next_state(int slot, int label) const {
  const Dictionary& dictionary = scorer_->dictionary();
  const Dictionary::State state = slots_.state[at(slot)];
  return state == Dictionary::kNone ? state : dictionary.next(state, label);
}

// Whether this step completes a word (a code point in UTF-8 mode), and if so its score.
bool BeamSearch::scores_step(int slot, int label, WordContexts::Scored& scored) {
  if (!scorer_->is_utf8()) {
    if (label != options_.space) return false;
    scored = word_at(slot);
    return true;
  }
  const auto byte = static_cast<uint8_t>(label + 1);
  const bool inside = continues_code_point(byte);
  const int seen = inside ? slots_.bytes_seen[at(slot)] + 1 : 1;
  const int needed = inside ? slots_.bytes_needed[at(slot)] : code_point_size(byte);
  if (seen != needed) return false;
  scored = contexts_->score(slots_.context[at(slot)], hash_unit(slot, label), false);
  return true;
}

// The score of the word that ends with this prefix's last label.
const WordContexts::Scored& BeamSearch::word_at(int slot) {
  const size_t p = at(slot);
  if (slots_.word_known[p] == 0) {
    const bool vouched = !phrases_.empty() && phrases_.continues(slots_.phrase[p], options_.space);
    slots_.word[p] = contexts_->score(slots_.context[p], hash_unit(slot, -1), vouched);
    slots_.word_known[p] = 1;
  }
  return slots_.word[p];
}

// Hash of the word, or in UTF-8 mode of the code point, that ends with this prefix and `extra`.
uint64_t BeamSearch::hash_unit(int slot, int extra) const {
  const auto& texts = scorer_->labels().texts;
  const HistoryForest& forest = prefixes_.forest();
  Node node = slots_.node[at(slot)];
  std::array<int32_t, 64> buffer;
  std::vector<int32_t> overflow;
  size_t length = 0;
  const auto push = [&](int32_t label) {
    if (length < buffer.size()) {
      buffer[length] = label;
    } else {
      overflow.push_back(label);
    }
    ++length;
  };
  if (scorer_->is_utf8()) {
    if (extra >= 0) push(extra);
    const bool inside = extra >= 0 && continues_code_point(static_cast<uint8_t>(extra + 1));
    for (int left = inside ? slots_.bytes_seen[at(slot)] : 0; left > 0 && node != HistoryForest::kRoot; --left) {
      push(forest.value(node));
      node = forest.parent(node);
    }
  } else {
    for (; node != HistoryForest::kRoot && forest.value(node) != options_.space; node = forest.parent(node)) {
      push(forest.value(node));
    }
  }
  std::string text;
  while (length-- > 0) {
    const int32_t label = length < buffer.size() ? buffer[length] : overflow[length - buffer.size()];
    text += texts[at(label)];
  }
  return hash_word(text);
}

// Raises the floor to the score of the beam's last place, and drops candidates below it.
void BeamSearch::thin_candidates(float& floor) {
  const Slots& s = slots_;
  selection_.assign(s.next_score.begin() + 1, s.next_score.begin() + 1 + s.count);
  selection_.insert(selection_.end(), candidate_scores_.begin(), candidate_scores_.end());
  const auto last = selection_.begin() + static_cast<std::ptrdiff_t>(options_.beam_size) - 1;
  std::nth_element(selection_.begin(), last, selection_.end(), std::greater<>());
  floor = std::max(floor, *last);
  size_t kept = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (candidate_scores_[i] < floor) continue;
    candidates_[kept] = candidates_[i];
    candidate_scores_[kept++] = candidate_scores_[i];
  }
  candidates_.resize(kept);
  candidate_scores_.resize(kept);
}

// Decides who is in the next beam: the best by score, then by the lower label; and moves there.
void BeamSearch::select() {
  Slots& s = slots_;
  const size_t held = at(s.count), beam = at(options_.beam_size);
  float last_place = kNoCutoff;
  size_t surplus_ties = 0;  // how many of those at the last place do not fit
  if (held + candidates_.size() > beam) {
    selection_.assign(s.next_score.begin() + 1, s.next_score.begin() + 1 + s.count);
    selection_.insert(selection_.end(), candidate_scores_.begin(), candidate_scores_.end());
    const auto last = selection_.begin() + static_cast<std::ptrdiff_t>(beam) - 1;
    std::nth_element(selection_.begin(), last, selection_.end(), std::greater<>());
    last_place = *last;
    surplus_ties = static_cast<size_t>(std::count(last + 1, selection_.end(), last_place));
  }
  int32_t highest_label = std::numeric_limits<int32_t>::max();  // of ties that fit
  size_t at_highest = std::numeric_limits<size_t>::max();
  if (surplus_ties > 0) {
    std::vector<int32_t> tied;
    for (size_t i = 1; i <= held; ++i) {
      if (s.next_score[i] == last_place) tied.push_back(s.label[i]);
    }
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (candidate_scores_[i] == last_place) tied.push_back(candidates_[i].label);
    }
    std::sort(tied.begin(), tied.end());
    const size_t fitting = tied.size() - surplus_ties;
    // Where none fits no label is low enough; labels are never negative.
    highest_label = fitting == 0 ? -1 : tied[fitting - 1];
    at_highest = fitting - static_cast<size_t>(std::lower_bound(tied.begin(), tied.end(), highest_label) - tied.begin());
  }
  const auto fits = [&](float score, int32_t label) {
    if (score != last_place) return score > last_place;
    if (label != highest_label) return label < highest_label;
    if (at_highest == 0) return false;
    --at_highest;
    return true;
  };
  losers_.clear();
  for (size_t i = 1; i <= held; ++i) {
    if (s.next_score[i] <= last_place && !fits(s.next_score[i], s.label[i])) losers_.push_back(static_cast<int32_t>(i));
  }
  births_.clear();
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (fits(candidate_scores_[i], candidates_[i].label)) births_.push_back(prepare(candidates_[i], candidate_scores_[i]));
  }
  advance_timesteps();
  s.blank.swap(s.next_blank);
  s.label_end.swap(s.next_label_end);
  s.score.swap(s.next_score);
  evict(losers_);
  size_t reused = 0;
  for (const Birth& birth : births_) {
    if (reused < losers_.size()) {
      enter(birth, losers_[reused++]);
      continue;
    }
    if (at(++s.count) >= s.score.size()) s.resize(std::min(2 * s.score.size(), beam + 2));
    enter(birth, s.count);
  }
}

BeamSearch::Birth BeamSearch::prepare(const Candidate& candidate, float score) {
  const size_t p = at(candidate.slot);
  Birth birth;
  birth.candidate = candidate;
  birth.score = score;
  birth.parent_node = slots_.node[p];
  birth.parent_timestep = slots_.timestep[p];
  birth.repeats = slots_.label[p] == candidate.label;
  if (scorer_ == nullptr) return birth;
  birth.state = next_state(candidate.slot, candidate.label);
  const bool is_space = !scorer_->is_utf8() && candidate.label == options_.space;
  if (is_space && birth.state == Dictionary::kNone) birth.state = scorer_->dictionary().start();
  if (scorer_->is_utf8()) {
    const auto byte = static_cast<uint8_t>(candidate.label + 1);
    const bool inside = continues_code_point(byte);
    birth.bytes_seen = inside ? static_cast<uint8_t>(std::min(slots_.bytes_seen[p] + 1, 255)) : uint8_t{1};
    birth.bytes_needed = inside ? slots_.bytes_needed[p] : code_point_size(byte);
  }
  return birth;
}

// Gives prefixes whose last label is now best aligned with this frame their new timestep.
void BeamSearch::advance_timesteps() {
  Slots& s = slots_;
  moves_.clear();
  for (int i = 1; i <= s.count; ++i) {
    if (s.moved[at(i)] != 0) moves_.emplace_back(i, s.timestep[at(s.parent[at(i)])]);
  }
  const auto now = static_cast<int32_t>(frame_);
  for (const auto& [slot, parent] : moves_) s.timestep[at(slot)] = timesteps_.add(parent, now);
}

void BeamSearch::evict(const std::vector<int32_t>& losers) {
  Slots& s = slots_;
  bool orphans = false;
  for (const int32_t loser : losers) {
    const size_t i = at(loser);
    prefixes_.set_slot(s.node[i], 0);
    const size_t parent = at(s.parent[i]);
    --s.children[parent];
    if (options_.classes <= kMaskedClasses && s.label[i] < options_.classes) s.open[parent] |= uint64_t{1} << s.label[i];
    orphans |= s.children[i] > 0;
    s.repeats[i] = -1;  // marks the slot until it is entered again
  }
  if (!orphans) return;
  for (int i = 1; i <= s.count; ++i) {
    if (s.repeats[at(s.parent[at(i)])] == -1) s.parent[at(i)] = 0;
  }
}

void BeamSearch::enter(const Birth& birth, int slot) {
  Slots& s = slots_;
  const size_t i = at(slot);
  const int32_t label = birth.candidate.label;
  Node node = prefixes_.find(birth.parent_node, label);
  const bool known = node != HistoryForest::kGone;
  if (!known) node = prefixes_.add(birth.parent_node, label);
  prefixes_.set_slot(node, slot);
  const int32_t parent = prefixes_.slot(birth.parent_node);
  s.blank[i] = kLogZero;
  s.label_end[i] = s.score[i] = birth.score;
  s.bonus[i] = birth.candidate.bonus;
  s.label[i] = label;
  s.parent[i] = parent;
  s.repeats[i] = birth.repeats ? 1 : 0;
  s.children[i] = 0;
  s.node[i] = node;
  s.timestep[i] = timesteps_.add(birth.parent_timestep, static_cast<int32_t>(frame_));
  s.state[i] = birth.state;
  s.context[i] = birth.candidate.context;
  s.phrase[i] = birth.candidate.phrase;
  s.word_known[i] = 0;
  s.bytes_seen[i] = birth.bytes_seen;
  s.bytes_needed[i] = birth.bytes_needed;
  s.open[i] = open_labels(slot);
  if (parent != 0) {
    ++s.children[at(parent)];
    if (options_.classes <= kMaskedClasses) s.open[at(parent)] &= ~(uint64_t{1} << label);
  }
  if (!known) return;
  // It was in the beam before: what grew from it then finds its parent again.
  for (int child = 1; child <= s.count; ++child) {
    const size_t c = at(child);
    if (child == slot || s.parent[c] != 0 || s.node[c] == HistoryForest::kRoot) continue;
    if (prefixes_.forest().parent(s.node[c]) != node || prefixes_.slot(s.node[c]) != child) continue;
    s.parent[c] = slot;
    ++s.children[i];
    if (options_.classes <= kMaskedClasses) s.open[i] &= ~(uint64_t{1} << s.label[c]);
  }
}

// The steps that may be taken from this prefix, as a bit per class; for small alphabets only.
uint64_t BeamSearch::open_labels(int slot) const {
  if (options_.classes > kMaskedClasses) return 0;
  uint64_t open = 0;
  if (scorer_ == nullptr) {
    open = options_.classes == kMaskedClasses ? ~uint64_t{0} : (uint64_t{1} << options_.classes) - 1;
  } else if (slots_.state[at(slot)] != Dictionary::kNone) {
    scorer_->dictionary().for_each_arc(slots_.state[at(slot)], [&](int label, Dictionary::State next) {
      if (label >= 0 && label < options_.classes && next != Dictionary::kNone) open |= uint64_t{1} << label;
    });
  }
  if (scorer_ != nullptr && !phrases_.empty() && !scorer_->is_utf8()) {
    for (int label = 0; label < options_.classes; ++label) {
      if (phrases_.continues(slots_.phrase[at(slot)], label)) open |= uint64_t{1} << label;
    }
  }
  return open & ~(uint64_t{1} << options_.blank);
}

// Removes prefixes that no path reaches any more: a cutoff took the blank and their label.
void BeamSearch::drop_dead() {
  Slots& s = slots_;
  int kept = 0;
  for (int i = 1; i <= s.count; ++i) {
    const size_t from = at(i);
    if (s.score[from] <= kDead) {
      prefixes_.set_slot(s.node[from], 0);
      continue;
    }
    const size_t to = at(++kept);
    prefixes_.set_slot(s.node[from], kept);
    for (auto* column : {&s.blank, &s.label_end, &s.score, &s.bonus}) (*column)[to] = (*column)[from];
    s.label[to] = s.label[from];
    s.repeats[to] = s.repeats[from];
    s.node[to] = s.node[from];
    s.timestep[to] = s.timestep[from];
    s.state[to] = s.state[from];
    s.context[to] = s.context[from];
    s.phrase[to] = s.phrase[from];
    s.word[to] = s.word[from];
    s.word_known[to] = s.word_known[from];
    s.bytes_seen[to] = s.bytes_seen[from];
    s.bytes_needed[to] = s.bytes_needed[from];
  }
  s.count = kept;
  for (int i = 1; i <= kept; ++i) {
    s.children[at(i)] = 0;
    s.open[at(i)] = open_labels(i);
  }
  for (int i = 1; i <= kept; ++i) {
    const Node node = s.node[at(i)];
    const int32_t parent = node == HistoryForest::kRoot ? 0 : prefixes_.slot(prefixes_.forest().parent(node));
    s.parent[at(i)] = parent;
    if (parent == 0) continue;
    ++s.children[at(parent)];
    if (options_.classes <= kMaskedClasses) s.open[at(parent)] &= ~(uint64_t{1} << s.label[at(i)]);
  }
}

void BeamSearch::collect_garbage() {
  Slots& s = slots_;
  const size_t end = at(s.count) + 1;
  if (prefixes_.size() > prefix_limit_) {
    const auto moved = prefixes_.compact();
    for (size_t i = 1; i < end; ++i) s.node[i] = moved[s.node[i]];
    prefix_limit_ = 2 * prefixes_.size() + kGarbageFloor;
  }
  if (timesteps_.size() > timestep_limit_) {
    std::vector<HistoryForest::Node> marks(timesteps_.size());
    for (size_t i = 1; i < end; ++i) marks[s.timestep[i]] = 1;
    timesteps_.compact(marks);
    for (size_t i = 1; i < end; ++i) s.timestep[i] = marks[s.timestep[i]];
    timestep_limit_ = 2 * timesteps_.size() + kGarbageFloor;
  }
  if (contexts_ && contexts_->size() > context_limit_) {
    contexts_->compact(std::span(s.context).subspan(1, at(s.count)));
    std::fill(s.word_known.begin(), s.word_known.end(), uint8_t{0});
    context_limit_ = 2 * contexts_->size() + kGarbageFloor;
  }
}

// What ending the text here adds: the score of a last word that no space has ended. As upstream
// has it, without the boosts of hot words.
float BeamSearch::final_bonus(int slot) {
  const size_t i = at(slot);
  float bonus = phrases_.empty() ? 0.0f : phrases_.finish(slots_.phrase[i]);
  if (scorer_ == nullptr) return bonus;
  const bool empty = slots_.node[i] == HistoryForest::kRoot;
  double log_prob = 0;
  if (scorer_->is_utf8()) {
    if (!empty && slots_.bytes_seen[i] == slots_.bytes_needed[i]) return bonus;
    log_prob = empty ? 0.0 : WordContexts::kUnknownLogProb;
  } else {
    if (empty || slots_.label[i] == options_.space) return bonus;
    log_prob = word_at(slot).log_prob;
  }
  return bonus + static_cast<float>(log_prob * options_.alpha) + static_cast<float>(options_.beta);
}

std::vector<Hypothesis> BeamSearch::decode(int64_t num_results) {
  if (num_results < 1) throw DecodeError("num_results " + std::to_string(num_results) + " is below 1");
  const Slots& s = slots_;
  std::vector<int32_t> order(at(s.count));
  std::iota(order.begin(), order.end(), 1);
  std::vector<float> finals(at(s.count) + 1);
  for (const int32_t slot : order) finals[at(slot)] = s.score[at(slot)] + final_bonus(slot);
  const auto better = [&](int32_t a, int32_t b) {
    if (finals[at(a)] != finals[at(b)]) return finals[at(a)] > finals[at(b)];
    return s.label[at(a)] != s.label[at(b)] ? s.label[at(a)] < s.label[at(b)] : a < b;
  };
  const auto wanted = static_cast<std::ptrdiff_t>(std::min<int64_t>(num_results, s.count));
  std::partial_sort(order.begin(), order.begin() + wanted, order.end(), better);
  order.resize(static_cast<size_t>(wanted));

  std::vector<Hypothesis> results;
  for (const int32_t slot : order) {
    results.push_back({static_cast<double>(finals[at(slot)]), prefixes_.forest().path(s.node[at(slot)]),
                       timesteps_.path(s.timestep[at(slot)])});
  }
  return results;
}

}  // namespace stt
