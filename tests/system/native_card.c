/* A sound card made of a clock, for alsa-lib: it takes only the rates and channel counts it is told to have.
 *
 *   pcm.card { type native  rates [ 48000 ]  channels [ 2 ]  played "FILE"  spoken "FILE"  mouth 0
 *              opened "FILE"  busy "FILE" }
 *
 * `played` becomes what was played, raw. `spoken` is raw mono at the card's rate, heard on channel `mouth` from the
 * first frame captured; the other channels hiss. `opened` grows by a byte at each open. While `busy` exists the card is somebody else's. Nothing is lost
 * when a reader or writer is late: the clock waits.
 */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 16 };

typedef struct {
	snd_pcm_ioplug_t io;
	unsigned int rates[MOST], channels[MOST], n_rates, n_channels;
	const char *played, *spoken, *opened, *busy;
	long mouth;
	int file, running;
	struct timespec began;
	uint64_t done; /* frames written or read since `prepare` */
	snd_pcm_uframes_t avail_min;
	uint32_t hiss;
} card_t;

static uint64_t position(card_t *card)
{
	struct timespec now;
	uint64_t frames, most;

	if (!card->running)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	frames = ((now.tv_sec - card->began.tv_sec) * 1000000000LL + now.tv_nsec - card->began.tv_nsec) / 1000
		* card->io.rate / 1000000;
	/* alsa-lib counts modulo the buffer: never a whole one at once */
	most = card->io.stream == SND_PCM_STREAM_PLAYBACK ? card->done : card->done + card->io.buffer_size;
	return frames < most ? frames : most ? most - 1 : 0;
}

static snd_pcm_sframes_t card_pointer(snd_pcm_ioplug_t *io)
{
	return position(io->private_data) % io->buffer_size;
}

static void arm(card_t *card, long every_ns)
{
	struct itimerspec timer = { { 0, every_ns }, { 0, every_ns } };
	timerfd_settime(card->io.poll_fd, 0, &timer, NULL);
}

static int card_start(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	clock_gettime(CLOCK_MONOTONIC, &card->began);
	card->running = 1;
	arm(card, 2000000);
	return 0;
}

static int card_stop(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	arm(card, 0);
	card->running = 0;
	return 0;
}

static int card_prepare(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	card->done = 0;
	card->running = 0;
	/* a stream not started yet must be writable */
	arm(card, io->stream == SND_PCM_STREAM_PLAYBACK ? 2000000 : 0);
	return 0;
}

static int card_sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params)
{
	card_t *card = io->private_data;
	return snd_pcm_sw_params_get_avail_min(params, &card->avail_min);
}

static int card_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned int n, unsigned short *revents)
{
	card_t *card = io->private_data;
	uint64_t ticks, at = position(card), ready;
	int playback = io->stream == SND_PCM_STREAM_PLAYBACK;

	if (read(io->poll_fd, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
		return -errno;
	ready = playback ? io->buffer_size - (card->done - at) : at - card->done;
	*revents = ready >= card->avail_min ? (playback ? POLLOUT : POLLIN) : 0;
	return 0;
}

static snd_pcm_sframes_t card_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
				       snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
	card_t *card = io->private_data;
	int16_t *frames = (int16_t *)((char *)areas->addr + (areas->first + areas->step * offset) / 8);

	card->done += size;
	if (io->stream == SND_PCM_STREAM_PLAYBACK) {
		if (card->file >= 0 && write(card->file, frames, size * io->channels * 2) < 0)
			return -errno;
		return size;
	}
	for (snd_pcm_uframes_t i = 0; i < size; i++)
		for (unsigned int channel = 0; channel < io->channels; channel++) {
			int16_t sample = 0;
			if (channel != card->mouth)
				sample = (int16_t)((card->hiss = card->hiss * 1664525u + 1013904223u) >> 16) / 4;
			else if (card->file >= 0 && read(card->file, &sample, 2) < 2)
				sample = 0;
			frames[i * io->channels + channel] = sample;
		}
	return size;
}

static int card_close(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	if (card->file >= 0)
		close(card->file);
	close(io->poll_fd);
	free(card);
	return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
	.start = card_start,
	.stop = card_stop,
	.pointer = card_pointer,
	.transfer = card_transfer,
	.close = card_close,
	.prepare = card_prepare,
	.sw_params = card_sw_params,
	.poll_revents = card_revents,
};

static int numbers(snd_config_t *list, unsigned int *into)
{
	snd_config_iterator_t i, next;
	int n = 0;

	snd_config_for_each(i, next, list) {
		long value;
		if (n == MOST || snd_config_get_integer(snd_config_iterator_entry(i), &value) < 0)
			return 0;
		into[n++] = value;
	}
	return n;
}

static int configure(card_t *card, snd_config_t *conf)
{
	snd_config_iterator_t i, next;

	snd_config_for_each(i, next, conf) {
		snd_config_t *entry = snd_config_iterator_entry(i);
		const char *id;
		snd_config_get_id(entry, &id);
		if (!strcmp(id, "rates"))
			card->n_rates = numbers(entry, card->rates);
		else if (!strcmp(id, "channels"))
			card->n_channels = numbers(entry, card->channels);
		else if (!strcmp(id, "played"))
			snd_config_get_string(entry, &card->played);
		else if (!strcmp(id, "spoken"))
			snd_config_get_string(entry, &card->spoken);
		else if (!strcmp(id, "opened"))
			snd_config_get_string(entry, &card->opened);
		else if (!strcmp(id, "busy"))
			snd_config_get_string(entry, &card->busy);
		else if (!strcmp(id, "mouth"))
			snd_config_get_integer(entry, &card->mouth);
	}
	return card->n_rates && card->n_channels ? 0 : -EINVAL;
}

static int constrain(snd_pcm_ioplug_t *io, card_t *card)
{
	static const unsigned int access[] = { SND_PCM_ACCESS_RW_INTERLEAVED }, format[] = { SND_PCM_FORMAT_S16_LE };
	int error = 0;

	error |= snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 1, access);
	error |= snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, format);
	error |= snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_RATE, card->n_rates, card->rates);
	error |= snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_CHANNELS, card->n_channels, card->channels);
	error |= snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 64);
	error |= snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 64, 1 << 18);
	error |= snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 128, 1 << 20);
	return error ? -EINVAL : 0;
}

static int count(const char *path)
{
	int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	int error = file >= 0 && write(file, ".", 1) != 1 ? -errno : 0;

	if (file >= 0)
		close(file);
	return error;
}

SND_PCM_PLUGIN_DEFINE_FUNC(native)
{
	card_t *card = calloc(1, sizeof *card);
	int playback = stream == SND_PCM_STREAM_PLAYBACK, error;

	if (!card)
		return -ENOMEM;
	error = configure(card, conf);
	if (!error && card->busy && access(card->busy, F_OK) == 0)
		error = -EBUSY;
	if (!error)
		error = count(card->opened);
	if (error) {
		free(card);
		return error;
	}
	card->file = -1;
	if (playback && card->played)
		card->file = open(card->played, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	else if (!playback && card->spoken)
		card->file = open(card->spoken, O_RDONLY | O_CLOEXEC);
	card->avail_min = 1;
	card->hiss = 1;
	card->io.version = SND_PCM_IOPLUG_VERSION;
	card->io.name = "A card made of a clock";
	card->io.callback = &callbacks;
	card->io.private_data = card;
	card->io.poll_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	card->io.poll_events = POLLIN;
	error = snd_pcm_ioplug_create(&card->io, name, stream, mode);
	if (error < 0) {
		free(card);
		return error;
	}
	error = constrain(&card->io, card);
	if (error < 0) {
		snd_pcm_ioplug_delete(&card->io);
		return error;
	}
	*pcmp = card->io.pcm;
	return 0;
}

SND_PCM_PLUGIN_SYMBOL(native);
