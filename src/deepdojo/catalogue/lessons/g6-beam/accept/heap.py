import heapq


def beam_search(next_log_probs, bos, eos, beam_size, max_len, alpha):
    def extensions(live):
        for total, text in live:
            for token, value in enumerate(next_log_probs(list(text))):
                yield total + float(value), (*text, token)

    def search(live, room, depth):
        if not live or not room or not depth:
            return live
        best = heapq.nlargest(room, extensions(live))
        ended = [text for text in best if text[1][-1] == eos]
        going = [text for text in best if text[1][-1] != eos]
        return ended + search(going, room - len(ended), depth - 1)

    score, text = max(
        (total / (len(text) - 1) ** alpha, text) for total, text in search([(0.0, (bos,))], beam_size, max_len)
    )
    return list(text[1:]), score
