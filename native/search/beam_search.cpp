#include "search/beam_search.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <span>
#include <string>

#include "errors.h"
#include "search/spelling.h"

namespace stt {
namespace {

constexpr int kMaskedClasses = 64;
constexpr double kSureBlank = 0.999;     // leading frames at least so sure of the blank are skipped
constexpr float kRoundingSlack = 0.01f;  // keeps bounds from dropping what exact arithmetic keeps
constexpr float kNoCutoff = -3e38f;
constexpr size_t kFewCandidates = 2048;  // up to here thinning them out is not worth it
constexpr size_t kGarbageFloor = 256;  // nodes, of some 40 bytes, that every stream may waste

size_t at(int64_t index) { return static_cast<size_t>(index); }
uint64_t bit(int label) { return uint64_t{1} << label; }

}  // namespace

BeamSearch::BeamSearch(const DecoderOptions& options, std::shared_ptr<const Scorer> scorer)
    : options_(options.checked()),
      scorer_(std::move(scorer)),
      kernel_(frame_kernel()),
      is_masked_(options_.classes <= kMaskedClasses),
      prefix_limit_(kGarbageFloor),
      timestep_limit_(kGarbageFloor),
      context_limit_(kGarbageFloor),
      frame_(options_.classes, options_.blank, options_.ignored, options_.cutoff_prob,
             options_.cutoff_top_n) {
  if (scorer_ != nullptr && scorer_->labels().size() > options_.classes) {
    throw DecodeError("the scorer's alphabet has " + std::to_string(scorer_->labels().size()) +
                      " labels, the posteriors have " + std::to_string(options_.classes) +
                      " classes");
  }
  phrases_ = HotPhrases(options_.hot_phrases, options_.is_bytes ? -1 : options_.space);
  if (scorer_ != nullptr) {
    contexts_.emplace(*scorer_, options_.hot_words);
    walk_.emplace(scorer_->dictionary());
    // Probabilities are at most one. A negative alpha rewards the improbable without bound.
    largest_word_bonus_ =
        options_.alpha < 0
            ? -kDead
            : static_cast<float>(options_.alpha * contexts_->largest_boost() + options_.beta);
  }
  slots_.resize(16);
  slots_.count = 1;
  slots_.score[1] = slots_.blank[1] = 0;
  slots_.bonus[1] = 0;
  slots_.label[0] = slots_.label[1] = options_.classes;
  Prefix& empty = prefix(1);
  if (scorer_ != nullptr) empty.state = scorer_->dictionary().start();
  empty.phrase = phrases_.start();
  slots_.open[1] = allowed_labels(empty);
  for (int label = 0; label < options_.classes; ++label) {
    largest_bonuses_.push_back(largest_bonus(label));
  }
  prefixes_.set_slot(HistoryForest::kRoot, 1);
  affordable_.resize(kLeads);
}

template <typename Real>
void BeamSearch::feed(const Real* probs, int64_t frames) {
  // All of them first: what is refused leaves the search where it was.
  for (int64_t i = 0; i < frames; ++i) {
    frame_.check(probs + i * options_.classes, frame_number_ + i);
  }
  for (int64_t i = 0; i < frames; ++i) {
    frame_.read(probs + i * options_.classes);
    started_ = started_ || frame_.blank_prob() < kSureBlank;
    if (started_) step();
    ++frame_number_;
  }
}
template void BeamSearch::feed(const float*, int64_t);
template void BeamSearch::feed(const double*, int64_t);

void BeamSearch::step() {
  frame_.take_logs(true);
  if (!take_step()) {
    // The cutoff left no class that any prefix could take. Upstream loses its beam here; without
    // the cutoff in this one frame the blank at least keeps every prefix alive.
    frame_.take_logs(false);
    take_step();
  }
  collect_garbage();
}

// Returns whether any prefix lives on; where none does nothing has changed.
bool BeamSearch::take_step() {
  BeamSlots& s = slots_;
  const bool full = s.count >= options_.beam_size;
  float lowest = 0, highest = 0;
  kernel_.extremes(s.score.data(), s.count, &lowest, &highest);
  float min_cutoff = kNoCutoff;
  if (scorer_ != nullptr && full && frame_.blank_prob() > 0) {
    // Upstream's rule; it drops contributions, so it has to be kept to get the same sums.
    min_cutoff = static_cast<float>(static_cast<double>(lowest) + std::log(frame_.blank_prob()) -
                                    std::max(0.0, options_.beta)) -
                 phrases_.largest_bonus();
  }
  kernel_.advance(frame_.view(min_cutoff), s.view());

  float next_lowest = 0, next_highest = 0;
  kernel_.extremes(s.next_score.data(), s.count, &next_lowest, &next_highest);
  floor_ = full ? std::max(next_lowest, kDead) : kDead;
  candidates_.clear();
  candidate_scores_.clear();
  if (is_masked_) {
    propose_by_slot(min_cutoff);
  } else {
    propose_by_label(highest, min_cutoff);
  }
  for (const float score : candidate_scores_) next_highest = std::max(next_highest, score);
  if (next_highest <= kDead) return false;
  select(next_lowest, next_highest);
  if (next_lowest <= kDead) drop_dead();
  return true;
}

// The most that a step to this label can earn besides its probability.
float BeamSearch::largest_bonus(int label) const {
  float bonus = phrases_.largest_bonus();
  if (scores_words() && label == options_.space) bonus += largest_word_bonus_;
  if (scorer_ != nullptr && !scores_words()) bonus += std::max(largest_word_bonus_, 0.0f);
  return bonus;
}

// Proposes steps prefix by prefix: how far a prefix is above the floor says which labels it can
// afford, and of those it takes the ones that are allowed and lead to a new prefix.
void BeamSearch::propose_by_slot(float min_cutoff) {
  std::fill(affordable_.begin(), affordable_.end(), uint64_t{0});
  for (const int label : frame_.labels()) {
    const float price = -(frame_.log_prob(label) + largest_bonuses_[at(label)]) * kLeadsPerNat;
    const float lead = std::clamp(std::ceil(price - kRoundingSlack), 0.0f, kLeads - 1.0f);
    affordable_[static_cast<size_t>(lead)] |= bit(label);
  }
  for (size_t i = 1; i < affordable_.size(); ++i) affordable_[i] |= affordable_[i - 1];

  indices_.resize(at(slots_.count) + 1);
  steps_.resize(at(slots_.count) + 1);
  const int found =
      kernel_.collect_steps(slots_.score.data(), slots_.open.data(), slots_.count, floor_,
                            affordable_.data(), steps_.data(), indices_.data());
  for (int i = 0; i < found; ++i) {
    const int slot = indices_[at(i)];
    for (uint64_t steps = steps_[at(slot)]; steps != 0; steps &= steps - 1) {
      propose(slot, std::countr_zero(steps), min_cutoff);
    }
    thin_candidates();
  }
}

// Proposes steps label by label, for alphabets too large for a bit each.
void BeamSearch::propose_by_label(float highest, float min_cutoff) {
  indices_.resize(at(slots_.count) + 1);
  for (const int label : frame_.labels()) {
    const float needed =
        std::max(floor_ - largest_bonuses_[at(label)], min_cutoff) - frame_.log_prob(label);
    const float bound = needed - kRoundingSlack - 1e-6f * std::abs(needed);
    if (highest < bound) continue;
    const int found =
        kernel_.collect_at_least(slots_.score.data(), slots_.count, bound, indices_.data());
    for (int i = 0; i < found; ++i) {
      if (may_step(indices_[at(i)], label)) propose(indices_[at(i)], label, min_cutoff);
    }
    thin_candidates();
  }
}

// Whether this step is allowed and leads to a prefix that is not in the beam.
bool BeamSearch::may_step(int slot, int label) {
  const Prefix& p = prefix(slot);
  if (p.children > 0) {
    const auto child = prefixes_.find(p.node, label);
    if (child != HistoryForest::kGone && prefixes_.slot(child) != kNoSlot) return false;
  }
  if (scorer_ == nullptr) return true;
  if (p.state != Dictionary::kNone && walk_->step(p.state, label).next != Dictionary::kNone)
    return true;
  return scores_words() && !phrases_.empty() && phrases_.continues(p.phrase, label);
}

// The same for all labels of a small alphabet, but for those that are in the beam: a bit each.
// A hot phrase may be spelled outside the dictionary of words.
uint64_t BeamSearch::allowed_labels(const Prefix& prefix) const {
  if (!is_masked_) return 0;
  const bool in_dictionary = scorer_ != nullptr && prefix.state != Dictionary::kNone;
  return allowed_labels(prefix, in_dictionary ? scorer_->dictionary().label_bits(prefix.state) : 0);
}

uint64_t BeamSearch::allowed_labels(const Prefix& prefix, uint64_t in_dictionary) const {
  if (!is_masked_) return 0;
  const uint64_t all = ~uint64_t{0} >> (kMaskedClasses - options_.classes);
  uint64_t allowed = scorer_ == nullptr ? all : in_dictionary;
  if (scores_words() && !phrases_.empty()) {
    for (int label = 0; label < options_.classes; ++label) {
      if (phrases_.continues(prefix.phrase, label)) allowed |= bit(label);
    }
  }
  return allowed & all & ~bit(options_.blank);
}

void BeamSearch::propose(int slot, int label, float min_cutoff) {
  const size_t p = at(slot);
  const float log_prob = frame_.log_prob(label);
  if (log_prob + slots_.score[p] < min_cutoff) return;
  // A label that repeats the last one needs a blank between the two.
  float score = log_prob + (slots_.label[p] == label ? slots_.blank[p] : slots_.score[p]);
  if (score <= kDead) return;
  Candidate candidate{slot, label, 0, 0, 0};
  if (scorer_ != nullptr) {
    if (score + largest_bonuses_[at(label)] < floor_) return;
    candidate.context = slots_.prefix[p].context;
    WordContexts::Scored scored;
    if (score_unit(slot, label, scored)) {
      candidate.context = scored.next;
      candidate.bonus = static_cast<float>((scored.log_prob + scored.boost) * options_.alpha) +
                        static_cast<float>(options_.beta);
    }
  }
  if (!phrases_.empty()) {
    float bonus = 0;
    candidate.phrase = phrases_.next(slots_.prefix[p].phrase, label, bonus);
    candidate.bonus += bonus;
  }
  score += candidate.bonus;
  if (score < floor_ || score <= kDead) return;
  candidates_.push_back(candidate);
  candidate_scores_.push_back(score);
}

// Whether this step completes a word (in UTF-8 mode a code point; a label where those are scored),
// and if so its score.
bool BeamSearch::score_unit(int slot, int label, WordContexts::Scored& scored) {
  if (scores_words()) {
    if (label != options_.space) return false;
    scored = word_at(slot);
    return true;
  }
  const Prefix& p = prefix(slot);
  if (scorer_->unit() == ScoredUnit::kLabel) {
    scored = contexts_->score(p.context, scorer_->label_hash(label), true);
    return true;
  }
  const bool inside = continues_code_point(label);
  const int seen = inside ? p.bytes_seen + 1 : 1;
  const int needed = inside ? p.bytes_needed : code_point_size(byte_of(label));
  if (seen != needed) return false;
  const uint64_t code_point =
      hash_code_point_at(prefixes_.forest(), p.node, inside ? p.bytes_seen : 0, label);
  scored = contexts_->score(p.context, code_point, false);
  return true;
}

// The score of the word that ends with this prefix's last label.
const WordContexts::Scored& BeamSearch::word_at(int slot) {
  Prefix& p = prefix(slot);
  if (!p.word_known) {
    const bool vouched = !phrases_.empty() && phrases_.continues(p.phrase, options_.space);
    const uint64_t word =
        hash_word_at(prefixes_.forest(), p.node, scorer_->labels(), options_.space);
    p.word = contexts_->score(p.context, word, vouched);
    p.word_known = true;
  }
  return p.word;
}

// Raises the floor to the beam's last place so far, and drops candidates below it.
void BeamSearch::thin_candidates() {
  const size_t beam = at(options_.beam_size);
  if (candidates_.size() < std::max(2 * beam, kFewCandidates)) return;
  const auto [lowest, highest] =
      std::minmax_element(candidate_scores_.begin(), candidate_scores_.end());
  floor_ = std::max(floor_, last_place_.find({}, candidate_scores_, beam, *lowest, *highest));
  size_t kept = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (candidate_scores_[i] < floor_) continue;
    candidates_[kept] = candidates_[i];
    candidate_scores_[kept++] = candidate_scores_[i];
  }
  candidates_.resize(kept);
  candidate_scores_.resize(kept);
}

// Decides who is in the next beam, the best by score and of equals those with the lower label, and
// goes over to it.
void BeamSearch::select(float lowest, float highest) {
  BeamSlots& s = slots_;
  const size_t held = at(s.count), beam = at(options_.beam_size);
  const std::span<const float> held_scores(s.next_score.data() + 1, held);
  float last_place = kNoCutoff;
  bool contested = false;
  if (held + candidates_.size() > beam) {
    last_place = last_place_.find(held_scores, candidate_scores_, beam,
                                  std::max(lowest, highest - 100), highest);
    contested = last_place_.is_contested();
  }
  if (contested) settle_ties(held_scores, last_place);
  const auto fits = [&](float score, int32_t label) {
    return score > last_place || (score == last_place && (!contested || last_place_.admits(label)));
  };
  losers_.resize(held + 1);
  size_t lost = 0;
  for (size_t i = 0; i < held; ++i) {
    losers_[lost] = static_cast<int32_t>(i + 1);
    lost +=
        (contested ? !fits(held_scores[i], s.label[i + 1]) : held_scores[i] < last_place) ? 1 : 0;
  }
  losers_.resize(lost);
  births_.clear();
  for (size_t i = 0; i < candidates_.size(); ++i) {
    const float score = candidate_scores_[i];
    if (fits(score, candidates_[i].label)) births_.push_back(prepare(candidates_[i], score));
  }
  advance_timesteps();
  s.advance();
  evict();
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

void BeamSearch::settle_ties(std::span<const float> held_scores, float last_place) {
  std::vector<int32_t> tied;
  for (size_t i = 0; i < held_scores.size(); ++i) {
    if (held_scores[i] == last_place) tied.push_back(slots_.label[i + 1]);
  }
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (candidate_scores_[i] == last_place) tied.push_back(candidates_[i].label);
  }
  last_place_.settle(std::move(tied));
}

BeamSearch::Birth BeamSearch::prepare(const Candidate& candidate, float score) {
  const Prefix& parent = prefix(candidate.parent);
  const int label = candidate.label;
  Birth birth;
  birth.score = score;
  birth.bonus = candidate.bonus;
  birth.label = label;
  birth.repeats = slots_.label[at(candidate.parent)] == label;
  birth.parent_node = parent.node;
  birth.parent_timestep = parent.timestep;
  birth.prefix.context = candidate.context;
  birth.prefix.phrase = candidate.phrase;
  DictionaryWalk::Step step;
  if (parent.state != Dictionary::kNone) step = walk_->step(parent.state, label);
  if (step.next == Dictionary::kNone && scores_words() && label == options_.space) {
    // After a word that only a hot phrase allowed, the dictionary's words are possible again.
    step.next = scorer_->dictionary().start();
    step.labels = scorer_->dictionary().label_bits(step.next);
  }
  birth.prefix.state = step.next;
  birth.open = allowed_labels(birth.prefix, step.labels);
  if (scorer_ == nullptr || !scorer_->is_utf8()) return birth;
  const bool inside = continues_code_point(label);
  birth.prefix.bytes_seen =
      inside ? static_cast<uint8_t>(std::min(parent.bytes_seen + 1, 255)) : uint8_t{1};
  birth.prefix.bytes_needed = inside ? parent.bytes_needed : code_point_size(byte_of(label));
  return birth;
}

// Gives prefixes whose last label is now best aligned with this frame their new timestep.
void BeamSearch::advance_timesteps() {
  moved_.resize(at(slots_.count) + 1);
  size_t count = 0;
  for (int i = 1; i <= slots_.count; ++i) {
    moved_[count] = i;
    count += slots_.moved[at(i)] != 0 ? 1 : 0;
  }
  moves_.clear();
  for (const int32_t slot : std::span(moved_).first(count)) {
    moves_.emplace_back(slot, prefix(slots_.parent[at(slot)]).timestep);
  }
  const auto now = static_cast<int32_t>(frame_number_);
  for (const auto& [slot, before] : moves_) prefix(slot).timestep = timesteps_.add(before, now);
}

void BeamSearch::evict() {
  bool orphans = false;
  for (const int32_t loser : losers_) {
    const size_t i = at(loser);
    prefixes_.set_slot(prefix(loser).node, kNoSlot);
    const int32_t parent = slots_.parent[i];
    --prefix(parent).children;
    if (is_masked_ && slots_.label[i] < options_.classes)
      slots_.open[at(parent)] |= bit(slots_.label[i]);
    orphans |= prefix(loser).children > 0;
    slots_.repeats[i] = -1;  // marks the slot until it is entered again
  }
  if (!orphans) return;
  for (size_t i = 1; i <= at(slots_.count); ++i) {
    if (slots_.repeats[at(slots_.parent[i])] == -1) slots_.parent[i] = kNoSlot;
  }
}

void BeamSearch::enter(const Birth& birth, int slot) {
  BeamSlots& s = slots_;
  const size_t i = at(slot);
  s.blank[i] = kLogZero;
  s.label_end[i] = s.score[i] = birth.score;
  s.bonus[i] = birth.bonus;
  s.label[i] = birth.label;
  s.repeats[i] = birth.repeats ? 1 : 0;
  Prefix& p = s.prefix[i];
  p = birth.prefix;
  p.node = prefixes_.find_or_add(birth.parent_node, birth.label);
  p.timestep = timesteps_.add(birth.parent_timestep, static_cast<int32_t>(frame_number_));
  s.open[i] = birth.open;
  prefixes_.set_slot(p.node, slot);
  link(slot, prefixes_.slot(birth.parent_node));
  adopt_orphans(slot);
}

// Makes `parent` (kNoSlot: none) the parent of a prefix.
void BeamSearch::link(int slot, int32_t parent) {
  slots_.parent[at(slot)] = parent;
  if (parent == kNoSlot) return;
  ++prefix(parent).children;
  if (is_masked_) slots_.open[at(parent)] &= ~bit(slots_.label[at(slot)]);
}

// A prefix is back in the beam: what grew from it when it was there before gets its parent back.
void BeamSearch::adopt_orphans(int slot) {
  prefixes_.for_each_child(prefix(slot).node, options_.classes, [&](PrefixTree::Node child) {
    const int32_t child_slot = prefixes_.slot(child);
    if (child_slot != kNoSlot) link(child_slot, slot);
  });
}

// Removes prefixes that no path reaches any more: a cutoff took the blank and their label.
void BeamSearch::drop_dead() {
  BeamSlots& s = slots_;
  int kept = 0;
  for (int i = 1; i <= s.count; ++i) {
    const bool dead = s.score[at(i)] <= kDead;
    if (!dead) s.move(at(i), at(++kept));
    prefixes_.set_slot(prefix(i).node, kNoSlot);
    if (!dead) prefixes_.set_slot(prefix(kept).node, kept);
  }
  s.count = kept;
  for (int i = 1; i <= kept; ++i) {
    prefix(i).children = 0;
    s.open[at(i)] = allowed_labels(prefix(i));
  }
  for (int i = 1; i <= kept; ++i) {
    const auto node = prefix(i).node;
    const bool empty = node == HistoryForest::kRoot;
    link(i, empty ? kNoSlot : prefixes_.slot(prefixes_.forest().parent(node)));
  }
}

void BeamSearch::collect_garbage() {
  const auto live = std::span(slots_.prefix).subspan(1, at(slots_.count));
  if (prefixes_.size() > prefix_limit_) {
    const auto moved = prefixes_.compact();
    for (Prefix& p : live) p.node = moved[p.node];
    prefix_limit_ = 2 * prefixes_.size() + kGarbageFloor;
  }
  if (timesteps_.size() > timestep_limit_) {
    std::vector<HistoryForest::Node> marks(timesteps_.size());
    for (const Prefix& p : live) marks[p.timestep] = 1;
    timesteps_.compact(marks);
    for (Prefix& p : live) p.timestep = marks[p.timestep];
    timestep_limit_ = 2 * timesteps_.size() + kGarbageFloor;
  }
  if (contexts_ && contexts_->size() > context_limit_) {
    std::vector<WordContexts::Context> used;
    for (const Prefix& p : live) used.push_back(p.context);
    contexts_->compact(used);
    for (size_t i = 0; i < live.size(); ++i) {
      live[i].context = used[i];
      live[i].word_known = false;
    }
    context_limit_ = 2 * contexts_->size() + kGarbageFloor;
  }
}

// What ending the text here adds: the score of a last word that no space has ended. As upstream
// has it, without the boosts of hot words.
float BeamSearch::final_bonus(int slot) {
  const Prefix& p = prefix(slot);
  const float bonus = phrases_.empty() ? 0.0f : phrases_.finish(p.phrase);
  if (scorer_ == nullptr || scorer_->unit() == ScoredUnit::kLabel) return bonus;
  const bool empty = p.node == HistoryForest::kRoot;
  float log_prob = 0;
  if (scorer_->is_utf8()) {
    if (!empty && p.bytes_seen == p.bytes_needed) return bonus;
    log_prob = empty ? 0.0f : WordContexts::kUnknownLogProb;
  } else {
    if (empty || slots_.label[at(slot)] == options_.space) return bonus;
    log_prob = word_at(slot).log_prob;
  }
  return bonus + static_cast<float>(static_cast<double>(log_prob) * options_.alpha) +
         static_cast<float>(options_.beta);
}

std::vector<Hypothesis> BeamSearch::decode(int64_t num_results) {
  if (num_results < 1)
    throw DecodeError("num_results " + std::to_string(num_results) + " is below 1");
  std::vector<int32_t> order(at(slots_.count));
  std::iota(order.begin(), order.end(), 1);
  std::vector<float> finals(order.size() + 1);
  for (const int32_t slot : order) finals[at(slot)] = slots_.score[at(slot)] + final_bonus(slot);
  const auto better = [&](int32_t a, int32_t b) {
    if (finals[at(a)] != finals[at(b)]) return finals[at(a)] > finals[at(b)];
    const int32_t label_a = slots_.label[at(a)], label_b = slots_.label[at(b)];
    return label_a != label_b ? label_a < label_b : a < b;
  };
  const auto wanted = static_cast<std::ptrdiff_t>(std::min<int64_t>(num_results, slots_.count));
  std::partial_sort(order.begin(), order.begin() + wanted, order.end(), better);
  order.resize(at(wanted));

  std::vector<Hypothesis> results;
  for (const int32_t slot : order) {
    results.push_back({static_cast<double>(finals[at(slot)]),
                       prefixes_.forest().path(prefix(slot).node),
                       timesteps_.path(prefix(slot).timestep)});
  }
  return results;
}

}  // namespace stt
