"""temporary: until the sound substrate is merged."""
from __future__ import annotations
from functools import lru_cache
import numpy as np

def _hann(n): return (0.5-0.5*np.cos(2*np.pi*np.arange(n)/n)).astype(np.float32)

def stft(x,*,hop,window):
    x=np.pad(np.asarray(x,np.float32),window//2,mode='reflect')
    fr=np.lib.stride_tricks.sliding_window_view(x,window)[::hop]
    return np.fft.rfft(fr*_hann(window),axis=1).astype(np.complex64)

def istft(S,*,hop,window):
    w=_hann(window); fr=np.fft.irfft(S,n=window,axis=1).astype(np.float32)*w; T=len(S)
    k=-(-window//hop); out=np.zeros((T+k,hop),np.float32); env=np.zeros((T+k,hop),np.float32)
    fr=np.pad(fr,((0,0),(0,k*hop-window))).reshape(T,k,hop); w2=np.pad(w*w,(0,k*hop-window)).reshape(k,hop)
    for j in range(k):
        out[j:j+T]+=fr[:,j]; env[j:j+T]+=w2[j]
    out,env=out.ravel(),env.ravel(); y=out/np.maximum(env,1e-8)
    return y[window//2:window//2+(T-1)*hop]

@lru_cache
def mel_filters(rate,window,bands):
    import sys; sys.path.insert(0,'/tmp/m/tts'); from feat import bank
    return bank(rate,window,bands,'slaney',0)
